"""A pod trains with the very weights that the pipeline was compiled with."""

import hashlib
from pathlib import Path

import pytest

from pipeline.cluster import weights_file
from trainer.errors import WeightsError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(CONTENT)
    return path


def test_path_is_its_own_place():
    assert weights_file.place("/weights/w.h5", SHA256) == Path("/weights/w.h5")


def test_file_of_a_bucket_has_a_place_of_its_own_by_its_digest():
    one, other = (weights_file.place("gs://b/w.h5", digest) for digest in (SHA256, "0" * 64))
    assert one != other
    assert one.is_absolute()


def test_right_file_is_taken(file):
    weights_file.bring(str(file), file, sha256=SHA256)


def test_other_file_is_refused(file):
    file.write_bytes(b"other")
    with pytest.raises(WeightsError, match=SHA256):
        weights_file.bring(str(file), file, sha256=SHA256)


def test_missing_file_is_named(tmp_path):
    missing = tmp_path / "missing.h5"
    with pytest.raises(WeightsError, match=f"{missing}.*kubeflow.weights"):
        weights_file.bring(str(missing), missing, sha256=SHA256)


@pytest.mark.graph
def test_file_of_a_bucket_is_fetched_once(file, tmp_path):
    target = tmp_path / "pod" / "w.h5"
    source = f"file://{file}"  # the one remote scheme that needs no network
    weights_file.bring(source, target, sha256=SHA256)
    file.unlink()
    weights_file.bring(source, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


@pytest.mark.graph
def test_file_that_is_not_in_the_bucket_is_named(tmp_path):
    with pytest.raises(WeightsError, match="cannot be fetched"):
        weights_file.bring(f"file://{tmp_path}/no.h5", tmp_path / "w.h5", sha256=SHA256)
