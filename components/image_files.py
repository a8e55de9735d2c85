"""Which image files a data folder holds, and what its layout says of each."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import DataError
from trainer.features import EVAL, TEST, TRAIN

SPLIT_FOLDERS = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": EVAL,
    "valid": EVAL,
    "val": EVAL,
    "eval": EVAL,
    "test": TEST,
}
IGNORED_NAMES = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
LAYOUTS = "DIR/<class>/* or DIR/{train,validation[,test]}/<class>/*"


@dataclass(frozen=True)
class ImageFile:
    """A file that should be an image.

    path: where it is
    name: its path relative to the data folder, with `/`
    label: its class
    split: the split that the layout puts it in; None where its content decides
    """

    path: str
    name: str
    label: str
    split: str | None


def find(folder: Path) -> list[ImageFile]:
    """List the files of a data folder, sorted by name; hidden files are left out.

    Raises:
      DataError: no such folder, no file, fewer than two classes, or a class that a split lacks.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"the data folder {folder} {what}; give --data a folder laid out as {LAYOUTS}"
        )
    files = sorted(_files(folder), key=lambda file: file.name)
    if not files:
        raise DataError(
            f"the data folder {folder} holds no image in a class folder; expected {LAYOUTS}"
        )
    _check_classes(folder, files)
    return files


def splits_of(files: Sequence[ImageFile]) -> list[str]:
    """The splits that these files will fill: those of the layout, else train and eval."""
    found = {file.split for file in files} - {None}
    return [split for split in (TRAIN, EVAL, TEST) if split in (found or {TRAIN, EVAL})]


def _files(folder: Path) -> Iterator[ImageFile]:
    subfolders = _subfolders(folder)
    if subfolders and all(name.lower() in SPLIT_FOLDERS for name in subfolders):
        for name in subfolders:
            yield from _class_files(folder, folder / name, SPLIT_FOLDERS[name.lower()])
    else:
        yield from _class_files(folder, folder, None)


def _class_files(root: Path, folder: Path, split: str | None) -> Iterator[ImageFile]:
    for label in _subfolders(folder):
        for path in _walk(folder / label):
            name = path.relative_to(root).as_posix()
            yield ImageFile(str(path), _text(name), _text(label), split)


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        place = Path(parent).resolve()
        if place in seen:  # A link led back here.
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not _is_ignored(name))
        yield from (Path(parent, name) for name in names if not _is_ignored(name))


def _subfolders(folder: Path) -> list[str]:
    return sorted(
        entry.name for entry in os.scandir(folder) if entry.is_dir() and not _is_ignored(entry.name)
    )


def _text(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name in IGNORED_NAMES


def _check_classes(folder: Path, files: Sequence[ImageFile]) -> None:
    labels = sorted({file.label for file in files})
    if len(labels) == 1:
        raise DataError(
            f"the data folder {folder} holds one class only, {labels[0]!r}; a classifier needs two "
            f"or more: {LAYOUTS}"
        )
    splits = splits_of(files)
    for split in (TRAIN, EVAL):
        if split not in splits:
            raise DataError(
                f"the data folder {folder} has no {'train' if split == TRAIN else 'validation'} "
                f"folder beside {splits[0]!r}; expected {LAYOUTS}"
            )
    counts = Counter((file.split, file.label) for file in files)
    for split in {file.split for file in files}:
        for label in labels:
            if not counts[split, label]:
                raise DataError(
                    f"class {label!r} has no image in split {split!r} of {folder}; add some, or "
                    f"remove the class from the other splits (classes found: {', '.join(labels)})"
                )
