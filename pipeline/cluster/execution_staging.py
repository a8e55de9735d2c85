"""Buckets as folders: where a URI lies, and how a pod gets its inputs and leaves its outputs.

`gs://bucket/key` lies under `gcs/bucket/key`, in the folder that stands for all buckets as in
the pod, where KFP's launcher puts it under `/gcs`; `s3://` and `minio://` likewise.
"""

import shutil
from pathlib import Path, PurePosixPath

_FOLDERS = {"gs": "gcs", "s3": "s3", "minio": "minio"}


def place(uri: str) -> PurePosixPath | None:
    """Where a URI is staged, below the root of a pod; None if the launcher does not stage it."""
    scheme, _, key = uri.partition("://")
    if scheme not in _FOLDERS:
        return None
    path = PurePosixPath(_FOLDERS[scheme], key)
    if ".." in path.parts:
        raise ValueError(f"{uri} leads out of its bucket")
    return path


def copy(source: Path, target: Path) -> None:
    """Copy an object, or all that lie under a prefix; like a bucket, leave out empty folders."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)
