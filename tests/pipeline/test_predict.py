"""Predictions of files: their lines, and what a broken file does to them."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import models, predict
from pipeline.models import Answer, RefusedError, ServerError
from trainer.errors import ConfigError

FROSTLINE = Path(sys.executable).with_name("frostline")


class Model:
    """Scores an image by its length; refuses a batch that holds `broken`."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(list(images))
        if b"broken" in images:
            raise RefusedError("Unknown image file format.")
        return [
            Answer(label="long", score=len(image) / 10, scores={"short": 0.5, "long": 0.25})
            for image in images
        ]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.jpg", "a.PNG", "deeper/c.jpeg", "notes.txt", ".hidden.jpg"):
        (folder / name).write_bytes(b"image")
    return folder


@pytest.fixture
def model(monkeypatch):
    model = Model()
    monkeypatch.setattr(models, "opened", lambda address: model)
    monkeypatch.setattr(models, "identity", lambda address: address)
    return model


def written(
    paths, *, file_format: predict.FileFormat = "jsonl", batch_size=32, output: Path | None = None
):
    return predict.write(
        model="m", paths=paths, batch_size=batch_size, file_format=file_format, output=output
    )


def test_folder_is_searched_for_images_in_order(folder):
    found = predict.image_files([folder])
    assert [path.relative_to(folder).as_posix() for path in found] == [
        "a.PNG",
        "b.jpg",
        "deeper/c.jpeg",
    ]


def test_named_file_is_taken_whatever_its_suffix(folder):
    assert predict.image_files([folder / "notes.txt"]) == [folder / "notes.txt"]


def test_folder_without_images_says_what_was_looked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"no image in the folder .*; looked for .*\.jpg"):
        predict.image_files([tmp_path])


def test_line_holds_path_label_score_and_scores(folder, model, capsys):
    assert written([folder / "b.jpg"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {
            "path": str(folder / "b.jpg"),
            "label": "long",
            "score": 0.5,
            "scores": {"short": 0.5, "long": 0.25},
        }
    ]


def test_model_gets_batches_of_the_size_asked_for(folder, model):
    written([folder], batch_size=2)
    assert [len(batch) for batch in model.batches] == [2, 1]


def test_broken_and_missing_files_stop_no_other(folder, model, capsys):
    (folder / "b.jpg").write_bytes(b"broken")
    paths = [folder / "a.PNG", folder / "b.jpg", folder / "gone.jpg", folder / "deeper/c.jpeg"]
    assert written(paths) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == [str(path) for path in paths]
    assert [line.get("error") for line in lines] == [
        None,
        "Unknown image file format.",
        "No such file or directory",
        None,
    ]
    assert [line.get("label") for line in lines] == ["long", None, None, "long"]


def test_image_that_the_model_tells_apart_costs_no_second_request(folder, monkeypatch, capsys):
    batches = []

    def answers(images):
        batches.append(len(images))
        return [Answer("long", 0.5, {"long": 0.5}), "damaged", Answer("long", 0.5, {"long": 0.5})]

    monkeypatch.setattr(models, "opened", lambda address: answers)
    assert written([folder]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("error") for line in lines] == [None, "damaged", None]
    assert batches == [3]


def test_csv_has_a_column_for_every_class(folder, model, capsys):
    (folder / "a.PNG").write_bytes(b"broken")
    assert written([folder], file_format="csv") == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["path", "label", "score", "short", "long", "error"]
    assert (rows[0]["label"], rows[0]["error"]) == ("", "Unknown image file format.")
    assert rows[1] == {
        "path": str(folder / "b.jpg"),
        "label": "long",
        "score": "0.5",
        "short": "0.5",
        "long": "0.25",
        "error": "",
    }
    assert len(rows) == 3


def test_csv_without_any_answer_still_has_every_row(folder, model, capsys):
    assert written([folder / "gone.jpg"], file_format="csv") == 1
    assert capsys.readouterr().out.splitlines() == [
        "path,label,score,error",
        f"{folder / 'gone.jpg'},,,No such file or directory",
    ]


def test_path_that_is_no_text_is_still_written(tmp_path, model, capsys):
    file = Path(str(tmp_path) + "/\udcff.jpg")
    file.write_bytes(b"image")
    assert written([file]) == 0
    assert json.loads(capsys.readouterr().out)["path"].endswith("/\ufffd.jpg")


def test_output_is_a_file_that_replaces_an_older_one(folder, model, tmp_path, capsys):
    output = tmp_path / "out.jsonl"
    output.write_text("old")
    written([folder], output=output)
    assert len(output.read_text().splitlines()) == 3
    assert not capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"images", "out.jsonl"}


def test_failing_server_leaves_the_older_output_and_what_it_has_answered(
    folder, model, tmp_path, monkeypatch
):
    def failing(images):
        raise ServerError("gone")

    monkeypatch.setattr(models, "opened", lambda address: failing)
    output = tmp_path / "out.jsonl"
    output.write_text("old")
    with pytest.raises(ServerError):
        written([folder], output=output)
    assert output.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {
        "images",
        "out.jsonl",
        ".out.jsonl.partial",
    }


def test_output_that_cannot_be_written_is_told_before_any_work(folder, model, tmp_path):
    with pytest.raises(ConfigError, match=r"out\.jsonl cannot be written: No such file"):
        written([folder], output=tmp_path / "none" / "out.jsonl")
    with pytest.raises(ConfigError, match="is no file"):
        written([folder], output=folder)
    assert not model.batches


def test_unreachable_server_ends_the_command_with_exit_code_1(folder):
    # Port 1 is reserved: nobody listens there.
    answer = frostline("--model", "http://127.0.0.1:1/v1/models/m", folder)
    assert answer.returncode == 1
    assert answer.stderr.startswith("frostline: error: http://127.0.0.1:1/v1/models/m cannot be")


def frostline(*arguments):
    return subprocess.run(
        [FROSTLINE, "predict", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A work directory that serves a tiny model: the more red, the likelier `red`."""
    import keras

    from trainer import signatures

    classifier = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    classifier.set_weights([np.array([[1, -1], [0, 0], [0, 0]]), np.array([0, 1])])
    work_dir = tmp_path_factory.mktemp("pushed")
    server = signatures.Server(classifier, labels=["red", "other"], size=8)
    signatures.export(server, str(work_dir / "serving" / "colours" / "1"))
    return work_dir


@pytest.fixture
def pictures(tmp_path):
    for name, red in (("1.png", 255), ("3.png", 51)):
        Image.new("RGB", (20, 30), (red, 0, 100)).save(tmp_path / name)
    (tmp_path / "2.jpg").write_text("text")
    return tmp_path


@pytest.mark.graph
def test_saved_model_answers_from_files_without_a_word_of_tensorflow(pushed, pictures):
    answer = frostline("--model", pushed, pictures)
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [line.get("label") for line in lines] == ["red", None, "other"]
    assert lines[2]["scores"] == pytest.approx({"red": 0.2, "other": 0.8})
    assert lines[1]["error"] == "not a JPEG, PNG, GIF, BMP or WebP file"
    assert answer.stderr == (
        "frostline: error: 1 image(s) could not be predicted; their lines say why\n"
    )
    assert answer.returncode == 1


@pytest.mark.graph
def test_saved_model_that_takes_no_image_files_is_refused(tmp_path):
    import tensorflow as tf

    double = tf.function(
        lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"), signatures=double.get_concrete_function())
    with pytest.raises(ConfigError, match="takes no image files"):
        models.opened(str(tmp_path))


@pytest.mark.graph
def test_saved_model_with_damaged_variables_is_a_clear_error(pushed, tmp_path):
    shutil.copytree(pushed, tmp_path, dirs_exist_ok=True)
    (index,) = tmp_path.glob("serving/*/*/variables/variables.index")
    index.write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        models.opened(str(tmp_path))


@pytest.mark.graph
def test_damaged_saved_model_is_a_clear_error(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xffdamaged")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        models.opened(str(tmp_path))
