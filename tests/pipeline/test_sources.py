"""The digests of a run change with the data and the code, and with nothing else."""

import os
from dataclasses import replace

import pytest

import trainer
from pipeline import preflight, sources
from pipeline.config import Config
from pipeline.preflight import Weights

RANDOM = Weights(None, "random")


@pytest.fixture
def data(make_images, tmp_path):
    return make_images(tmp_path / "data", count=2)


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A trainer of one file."""
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "model.py").write_text("x = 1\n")
    monkeypatch.setattr(trainer, "__path__", [str(folder)])
    return folder


def gather(data, weights=RANDOM, *, test_fraction=0.0):
    listing = preflight.check_data(str(data), None)
    return sources.gather(str(data), listing, weights, test_fraction=test_fraction)


def digest_of(data):
    return gather(data).data_digest


def test_same_data_has_the_same_digest(data):
    assert digest_of(data) == digest_of(data)


def test_new_image_changes_the_digest(data):
    before = digest_of(data)
    (data / "cold" / "new.png").write_bytes((data / "cold" / "0.png").read_bytes())
    assert digest_of(data) != before


def test_renamed_image_changes_the_digest(data):
    before = digest_of(data)
    (data / "cold" / "0.png").rename(data / "cold" / "00.png")
    assert digest_of(data) != before


def test_image_written_again_changes_the_digest(data):
    before = digest_of(data)
    image = data / "cold" / "0.png"
    status = image.stat()
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert digest_of(data) != before


def test_file_name_that_is_no_text_has_a_digest(data):
    (data / "cold" / os.fsdecode(b"\xff.png")).touch()
    assert digest_of(data)


def test_changed_code_changes_the_code_digest(code):
    before = sources.code_digest()
    (code / "model.py").write_text("x = 2\n")
    assert sources.code_digest() != before


def test_moved_code_changes_the_code_digest(code):
    before = sources.code_digest()
    (code / "model.py").rename(code / "models.py")
    assert sources.code_digest() != before


def test_compiled_code_does_not_count(code):
    before = sources.code_digest()
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "model.cpython-311.pyc").touch()
    assert sources.code_digest() == before


def test_what_trains_changes_the_model_digest_and_what_judges_does_not(data):
    found = gather(data)

    def digest(settings, found=found):
        return sources.model_digest(Config.model_validate(settings), found)

    assert digest({"train": {"epochs": 3}}) != digest({})
    assert digest({"data": {"eval_fraction": 0.3}}) != digest({})
    assert digest({}, replace(found, weights_sha256="other")) != digest({})
    assert digest({"evaluate": {"thresholds": {"log_loss": {"max": 1.0}}}}) == digest({})
    assert digest({"tune": {"enabled": True}}) != digest({})
    assert digest({"tune": {"trials": 3}}) == digest({})


def test_relative_folder_is_resolved(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    assert gather(data.relative_to(data.parent)).data == str(data)


def test_evaluator_judges_the_test_split_where_there_is_one(make_images, tmp_path):
    for split in ("train", "validation"):
        make_images(tmp_path / "two" / split, count=2)
    assert gather(tmp_path / "two").judged_split == "eval"
    make_images(tmp_path / "two" / "test", count=2)
    assert gather(tmp_path / "two").judged_split == "test"


def test_evaluator_judges_the_test_split_where_one_is_set_apart(data):
    assert gather(data).judged_split == "eval"
    assert gather(data, test_fraction=0.2).judged_split == "test"


def test_spans_are_named_and_belong_to_the_digest(data, make_images, tmp_path):
    for span in ("span-1", "span-2"):
        make_images(tmp_path / "spans" / span, count=2)
    folder = str(tmp_path / "spans")
    found = {
        span: sources.gather(folder, preflight.check_data(folder, span), RANDOM, test_fraction=0.0)
        for span in ("1", "1..2")
    }
    assert [each.span for each in found.values()] == ["1..1", "1..2"]
    assert found["1"].data_digest != found["1..2"].data_digest
    assert gather(data).span == ""


def test_base_is_trained_where_there_is_a_file(data, tmp_path):
    assert not gather(data).is_trained
    assert gather(data, Weights(tmp_path / "w.h5", "abc")).is_trained
