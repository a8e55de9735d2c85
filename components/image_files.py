"""Which of some files are images to be read, and what their layout says of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components import spans
from components.splits import NAMES, SPLITS
from components.storage import Entry, Kind
from trainer.errors import DataError
from trainer.features import EVAL, TEST, TRAIN

IGNORED_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
LAYOUTS = (
    "DIR/<class>/*, DIR/{train,validation[,test]}/<class>/*, DIR/span-<N>/... or "
    "TFRecords in DIR/Split-<split>/*"
)
_RECORDS_FOLDER = "split-"
_RECORDS_NAME = "tfrecord"


@dataclass(frozen=True)
class ImageFile:
    """A file that should be an image, or TFRecords of images.

    path: where it is: a file, or the archive that holds it
    name: its path relative to the data, with `/`
    label: its class; empty for TFRecords, where each record has its own
    split: the split that the data put it in; None where its group or its content decides
    group: images with the same group land in one split; None where the data name none
    span: the span that it came with, if there are any
    kind: how it is read: `path` is the file itself, or the archive or TFRecords
    member: its number within an archive
    stamp: changes when it is written again
    """

    path: str
    name: str
    label: str
    split: str | None
    group: str | None = None
    span: int | None = None
    kind: Kind = "file"
    member: int = 0
    stamp: str = ""


@dataclass(frozen=True)
class Listing:
    """What there is to be read.

    files: sorted by name
    ignored: files left out: hidden ones, those of the system, those outside any class folder
    split_names: what the data call their splits, of those that they name: `eval` -> `validation`
    """

    files: tuple[ImageFile, ...]
    ignored: int = 0
    split_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def spans(self) -> tuple[int, ...]:
        """The spans that the files came with, in order."""
        return tuple(sorted({file.span for file in self.files if file.span is not None}))

    def called(self, split: str) -> str:
        """What a person calls a split."""
        return self.split_names.get(split, split)

    def count(self) -> int | None:
        """How many images there may be; None where only TFRecords know."""
        return None if any(file.kind == "tfrecord" for file in self.files) else len(self.files)


@dataclass(frozen=True)
class _Placed:
    """A file and the folders that are left to be understood."""

    entry: Entry
    parts: tuple[str, ...]
    span: int | None = None
    split: str | None = None


def arranged(
    entries: Iterable[Entry], *, span: str | None, data: str, is_wrapped: bool = False
) -> Listing:
    """Give each file its span, split and class by the folders that it lies in.

    Args:
      entries: all files.
      span: which spans are wanted; see `components.spans`. None is the latest.
      data: what a person called the data, for messages.
      is_wrapped: whether one folder around everything is looked through, as archives have it.

    Raises:
      DataError: there is no such span.
    """
    total, shown = 0, []
    for entry in entries:
        total += 1
        parts = _parts(entry.name)
        if parts and not any(map(_is_ignored, parts)):
            shown.append(_Placed(entry, parts))
    if is_wrapped:
        shown = _unwrapped(shown)
    chosen, unwanted = _spans(shown, wanted=span, data=data)
    files = [file for number in chosen for file in _of_layout(chosen[number])]
    files.sort(key=lambda file: file.name)
    named = sorted({file.split for file in files if file.split})
    names = {split: _called(split, files) for split in named}
    return Listing(tuple(files), total - len(files) - unwanted, names)


def splits_of(files: Sequence[ImageFile], *, test_fraction: float = 0.0) -> list[str]:
    """The splits that these files will fill: those that the data name, and those by content."""
    found = {file.split for file in files}
    if None in found:
        found |= {TRAIN, EVAL, TEST} if test_fraction else {TRAIN, EVAL}
    return [split for split in SPLITS if split in found]


def check(listing: Listing, data: str) -> Listing:
    """The same listing, if it can be trained on.

    Raises:
      DataError: no file, fewer than two classes, or a class that a split lacks.
    """
    files = listing.files
    if not files:
        raise DataError(f"the data set {data} holds no image in a class folder; expected {LAYOUTS}")
    splits = splits_of(files)
    for split in (TRAIN, EVAL):
        if split not in splits:
            raise DataError(
                f"the data set {data} has no {'train' if split == TRAIN else 'validation'} "
                f"folder beside {listing.called(splits[0])!r}; expected {LAYOUTS}"
            )
    if listing.count() is not None:
        _check_classes(listing, data)
    return listing


def _check_classes(listing: Listing, data: str) -> None:
    files = listing.files
    labels = sorted({file.label for file in files})
    if len(labels) == 1:
        raise DataError(
            f"the data set {data} holds one class only, {labels[0]!r}; a classifier needs two "
            f"or more: {LAYOUTS}"
        )
    counts = Counter((file.split, file.label) for file in files)
    named = {file.split for file in files if file.split}
    # Where some images are free, they may yet fill what is lacking: that is counted later.
    is_settled = all(file.split for file in files)
    for split in sorted(named) if is_settled else ():
        for label in labels:
            if not counts[split, label]:
                raise DataError(
                    f"class {label!r} has no image in {listing.called(split)!r} of {data}; add "
                    "some, or remove the class from the other splits (classes found: "
                    f"{', '.join(labels)})"
                )


def _called(split: str, files: Iterable[ImageFile]) -> str:
    """What the data call a split: their folder's name, where it has one."""
    folders = (folder for each in files if each.split == split for folder in each.name.split("/"))
    return next((name for name in folders if split in (_split(name), _records_split(name))), split)


def _parts(name: str) -> tuple[str, ...]:
    """The folders and the file; steps up are left out, as reading refuses such a name."""
    return tuple(part for part in name.split("/") if part not in ("", ".", ".."))


def _is_ignored(part: str) -> bool:
    return part.startswith(".") or part.lower() in IGNORED_NAMES


def _folders(placed: Iterable[_Placed]) -> set[str]:
    return {each.parts[0] for each in placed if len(each.parts) > 1}


def _unwrapped(placed: list[_Placed]) -> list[_Placed]:
    """Look through a single folder around everything else."""
    while len(found := _folders(placed)) == 1 and not _is_meant(*found):
        inner = [_Placed(each.entry, each.parts[1:]) for each in placed if len(each.parts) > 1]
        if not _folders(inner):
            break
        placed = inner
    return placed


def _is_meant(name: str) -> bool:
    return bool(_split(name) or _records_split(name)) or spans.number(name) is not None


def _spans(
    placed: list[_Placed], *, wanted: str | None, data: str
) -> tuple[dict[int | None, list[_Placed]], int]:
    """The files of each wanted span, and how many files other spans have."""
    folders = _folders(placed)
    numbers = spans.chosen(folders, wanted=wanted, data=data)
    if numbers is None:
        return {None: placed}, 0
    by_span: dict[int | None, list[_Placed]] = {number: [] for number in numbers}
    unwanted = 0
    for each in placed:
        number = spans.number(each.parts[0]) if len(each.parts) > 1 else None
        if number in by_span:
            by_span[number].append(_Placed(each.entry, each.parts[1:], span=number))
        elif number is not None:
            unwanted += 1
    return by_span, unwanted


def _of_layout(placed: list[_Placed]) -> list[ImageFile]:
    """Understand split folders, class folders and TFRecords; the rest is left out."""
    folders = _folders(placed)
    if not folders and all(_RECORDS_NAME in each.parts[-1].lower() for each in placed):
        return [_records(each) for each in placed]
    if folders and all(map(_records_split, folders)):
        return [_records(each) for each in _in_splits(placed, _records_split)]
    if folders and all(map(_split, folders)):
        placed = _in_splits(placed, _split)
    return [_image(each) for each in placed if len(each.parts) > 1]


def _in_splits(placed: list[_Placed], split: Callable[[str], str | None]) -> list[_Placed]:
    return [
        replace(each, parts=each.parts[1:], split=split(each.parts[0]))
        for each in placed
        if len(each.parts) > 1
    ]


def _split(folder: str) -> str | None:
    return NAMES.get(folder.lower())


def _records_split(folder: str) -> str | None:
    """The split of a folder that ImageExampleGen wrote: `Split-train` and the like."""
    name = folder.lower()
    return _split(name.removeprefix(_RECORDS_FOLDER)) if name.startswith(_RECORDS_FOLDER) else None


def _image(placed: _Placed) -> ImageFile:
    entry = placed.entry
    return ImageFile(
        entry.path,
        entry.name,
        placed.parts[0],
        placed.split,
        span=placed.span,
        kind=entry.kind,
        member=entry.member,
        stamp=entry.stamp,
    )


def _records(placed: _Placed) -> ImageFile:
    return replace(_image(placed), label="", kind="tfrecord")
