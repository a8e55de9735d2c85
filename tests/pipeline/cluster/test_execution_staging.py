"""Buckets as folders."""

from pathlib import PurePosixPath

import pytest

from pipeline.cluster import execution_staging as staging


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("gs://b/k/x", PurePosixPath("gcs/b/k/x")),
        ("s3://b/k", PurePosixPath("s3/b/k")),
        ("minio://b/k", PurePosixPath("minio/b/k")),
        ("/state/data", None),
        ("https://host/x", None),
    ],
)
def test_only_buckets_are_staged(uri, expected):
    assert staging.place(uri) == expected


def test_uri_cannot_leave_its_bucket():
    with pytest.raises(ValueError, match=r"gs://b/\.\./x leads out"):
        staging.place("gs://b/../x")


def test_folder_is_copied_without_its_empty_folders(tmp_path):
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "empty").mkdir()
    (tmp_path / "from" / "deep" / "file").write_text("content")

    staging.copy(tmp_path / "from", tmp_path / "to")

    assert [path.name for path in (tmp_path / "to").rglob("*")] == ["deep", "file"]
    assert (tmp_path / "to" / "deep" / "file").read_text() == "content"


def test_single_object_is_copied_as_a_file(tmp_path):
    (tmp_path / "one").write_text("content")

    staging.copy(tmp_path / "one", tmp_path / "to" / "one")

    assert (tmp_path / "to" / "one").read_text() == "content"
