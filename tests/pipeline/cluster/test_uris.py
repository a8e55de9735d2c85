"""A pod finds by a path what the documents call by a URI, and tells of it by the URI again."""

from pathlib import Path

import pytest

from pipeline.cluster.uris import EPHEMERAL, STAGING, Places
from trainer.errors import WorkDirError

STAGED = {
    "gs://bucket/run/model": "gcs/bucket/run/model",
    "s3://bucket/run/model": "s3/bucket/run/model",
    "minio://bucket/run/model": "minio/bucket/run/model",
}


@pytest.fixture
def places(tmp_path):
    return Places(staging=tmp_path, temporary=str(tmp_path / "pod" / "frostline"))


@pytest.mark.parametrize(("uri", "path"), STAGED.items())
def test_uri_is_a_path_of_the_launcher_and_back(places, uri, path):
    assert places.staged(uri) == str(places.staging / path)
    assert places.uri(places.staged(uri)) == uri


def test_path_on_a_volume_is_its_own(places):
    assert places.staged("/mnt/root/model") == "/mnt/root/model"
    assert places.uri("/mnt/root/model") == "/mnt/root/model"


@pytest.mark.parametrize(("uri", "path"), STAGED.items())
def test_input_is_read_where_the_launcher_put_it(places, uri, path):
    (places.staging / path).mkdir(parents=True)
    assert places.found(uri) == str(places.staging / path)


def test_input_that_nobody_staged_is_read_by_tensorflow_if_it_can(places):
    assert places.found("gs://bucket/run/model") == "gs://bucket/run/model"


@pytest.mark.parametrize("uri", ["s3://bucket/model", "minio://bucket/model", "/nowhere/model"])
def test_input_that_is_nowhere_is_named(places, uri):
    with pytest.raises(WorkDirError, match=uri):
        places.found(uri)


def test_pod_stages_at_the_root_unless_it_is_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv(STAGING, raising=False)
    assert Places().staged("s3://b/k") == "/s3/b/k"
    monkeypatch.setenv(STAGING, str(tmp_path))
    assert Places().staged("s3://b/k") == str(tmp_path / "s3" / "b" / "k")


def test_state_that_is_gone_with_the_pod_has_one_name_for_all_pods(places):
    told = f'{{"checkpoints": "{EPHEMERAL}/checkpoints"}}'
    meant = places.inward(told)
    assert EPHEMERAL not in meant
    assert str(Path(places.temporary) / "checkpoints") in meant
    assert places.outward(meant) == told
