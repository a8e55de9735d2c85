"""Which images are to be predicted: whatever ingestion reads, labelled or not, in any folders."""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from components import archives, image_files, manifests, storage
from components.image_files import ImageFile
from components.storage import Entry
from pipeline.predict import IMAGE_SUFFIXES, shown_path
from trainer.errors import ConfigError

_HEAD_BYTES = 512
_RECORDS = "tfrecord"


def found(paths: Sequence[str]) -> Iterator[ImageFile]:
    """The images at some paths, one after another; `name` is what their predictions are called.

    Args:
      paths: folders, archives, manifests (whose labels may be left out), TFRecords and images, on
        this machine or on a file system that Beam knows.

    Raises:
      ConfigError: a path does not exist, or holds no image.
      DataError: an archive or a manifest is broken.
    """
    for path in paths:
        is_empty = True
        for file in _at(path):
            is_empty = False
            yield file
        if is_empty:
            raise ConfigError(
                f"no image in {path}; looked for {' '.join(sorted(IMAGE_SUFFIXES))} and TFRecords; "
                "a manifest can name files of any other name"
            )


def _at(path: str) -> Iterator[ImageFile]:
    if not storage.is_remote(path) and not Path(path).exists():
        raise ConfigError(
            f"{path} does not exist: give a folder, an archive, a manifest, TFRecords or an image"
        )
    entries = storage.walked(path, in_order=False)
    if entries is not None:
        return _chosen(entries)
    name = posixpath.basename(path).lower()
    if _kind(name):
        return _chosen(iter([Entry(path, name, "")]))
    with storage.opened(path) as file:
        kind = archives.kind_of(file.read(_HEAD_BYTES))
    if kind == "file":
        return iter(manifests.read(path, is_labelled=False).files)
    return _chosen(iter(archives.entries(path, kind)))


def _chosen(entries: Iterator[Entry]) -> Iterator[ImageFile]:
    for entry in entries:
        parts = entry.name.lower().split("/")
        is_hidden = any(part.startswith(".") or part in image_files.IGNORED_NAMES for part in parts)
        kind = None if is_hidden else _kind(parts[-1])
        if kind and entry.kind == "file":
            yield ImageFile(entry.path, shown_path(entry.path), "", None, kind=kind)
        elif kind == "file":
            name = shown_path(f"{entry.path}/{entry.name}")
            yield ImageFile(entry.path, name, "", None, kind=entry.kind, member=entry.member)


def _kind(name: str) -> storage.Kind | None:
    """How a file of this name is read; None where it is none of ours."""
    if posixpath.splitext(name)[1] in IMAGE_SUFFIXES:
        return "file"
    return "tfrecord" if _RECORDS in name else None
