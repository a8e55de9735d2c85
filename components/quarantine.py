"""What ingestion read and what it set aside: counts and a line a file."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from components import near_duplicates
from components.near_duplicates import HashedImage, Pair
from trainer.errors import DataError
from trainer.features import TRAIN

COUNTS_FILE = "counts.json"
QUARANTINE_FILE = "quarantine.jsonl"
MOST_DUPLICATES = 100

_MOVE = "move some from another split"
_SHARE_OUT = (
    "change how many go to `eval` and `test` with --set data.eval_fraction=... and "
    "data.test_fraction=..."
)


@dataclass(frozen=True)
class Rejected:
    """Why a file is not ingested.

    reason: a code: `unreadable`, `too_many_bytes`, `empty`, `not_an_image`,
      `unsupported_format`, `too_many_pixels`, `too_small`, `extreme_aspect` or `undecodable`
    message: what a person should know
    """

    reason: str
    message: str


@dataclass(frozen=True)
class SetAside:
    """A file that was not ingested, and why.

    path: relative to the data folder
    reason: a code; see `Rejected`
    """

    path: str
    label: str
    reason: str
    message: str


@dataclass(frozen=True)
class Accepted:
    """An image that was ingested.

    name: its path relative to the data
    sha256: hex digest of its bytes
    likeness: its perceptual hash; None where nothing can be compared
    """

    name: str
    label: str
    split: str
    sha256: str
    likeness: int | None = None


@dataclass(frozen=True)
class IngestionCounts:
    """How many files were read, and what became of them; read = accepted + quarantined.

    accepted_by_split: split -> class -> images
    quarantined: reason -> files
    ignored: files left out unread: hidden ones, those of the system, those of no class
    reused: how many of the read files an earlier run has read, so that this one did not
    duplicates_across_splits: names of two images with the same bytes in different splits; the
      first `MOST_DUPLICATES`
    near_duplicates: images outside `train` that look like one in another split
    near_duplicates_across_splits: names of two such images, the most alike first; the first
      `MOST_DUPLICATES`
    split_names: what the data call their splits, of those that they name: split -> name
    """

    read: int
    accepted: int
    accepted_by_split: dict[str, dict[str, int]]
    quarantined: dict[str, int]
    ignored: int = 0
    reused: int = 0
    duplicates_across_splits: tuple[tuple[str, str], ...] = ()
    near_duplicates: int = 0
    near_duplicates_across_splits: tuple[tuple[str, str], ...] = ()
    split_names: dict[str, str] = field(default_factory=dict)

    def called(self, split: str) -> str:
        """What a person calls a split."""
        return self.split_names.get(split, split)


def look_alikes(accepted: Sequence[Accepted]) -> list[Pair]:
    """Near-duplicates across splits whose bytes differ, the most alike first."""
    sha256_of = {(image.split, image.name): image.sha256 for image in accepted}
    hashed = [HashedImage(image.name, image.split, image.likeness) for image in accepted]
    return [
        pair
        for pair in near_duplicates.find(hashed)
        if len({sha256_of[each.split, each.name] for each in (pair.first, pair.second)}) == 2
    ]


def count(
    accepted: Iterable[Accepted],
    set_aside: Sequence[SetAside],
    *,
    alike: Sequence[Pair],
    splits: Sequence[str],
    split_names: Mapping[str, str],
    ignored: int = 0,
    reused: int = 0,
) -> IngestionCounts:
    """Add up; a class that a split lacks counts 0.

    Args:
      accepted: the images.
      set_aside: the other files.
      alike: those of the images that look alike; see `look_alikes`.
      splits: those that there should be.
      split_names, ignored, reused: see `IngestionCounts`.
    """
    images: Counter[tuple[str, str]] = Counter()
    duplicates = Duplicates()
    for image in accepted:
        images[image.split, image.label] += 1
        duplicates.add(image)
    labels = {label for _, label in images} | {file.label for file in set_aside}
    # The class of a record that cannot be read is not known.
    ordered = sorted(labels - {""})
    return IngestionCounts(
        read=images.total() + len(set_aside),
        accepted=images.total(),
        accepted_by_split={
            split: {label: images[split, label] for label in ordered} for split in splits
        },
        quarantined=dict(sorted(Counter(file.reason for file in set_aside).items())),
        ignored=ignored,
        reused=reused,
        duplicates_across_splits=tuple(duplicates.pairs),
        near_duplicates=len(_outside_train(alike)),
        near_duplicates_across_splits=tuple(
            (pair.first.name, pair.second.name) for pair in alike[:MOST_DUPLICATES]
        ),
        split_names=dict(split_names),
    )


def _outside_train(pairs: Iterable[Pair]) -> set[str]:
    both = (image for pair in pairs for image in (pair.first, pair.second))
    return {image.name for image in both if image.split != TRAIN}


class Duplicates:
    """Finds images with the same bytes in different splits, one image after the other."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self._first: dict[bytes, tuple[str, str]] = {}

    def add(self, image: Accepted) -> None:
        """Compare an image with the first one of the same bytes."""
        split, name = self._first.setdefault(bytes.fromhex(image.sha256), (image.split, image.name))
        if split != image.split and len(self.pairs) < MOST_DUPLICATES:
            self.pairs.append((name, image.name))


def write(folder: Path, counts: IngestionCounts, set_aside: Sequence[SetAside]) -> None:
    """Write both files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / QUARANTINE_FILE, sorted(set_aside, key=lambda file: file.path))
    (folder / COUNTS_FILE).write_text(json.dumps(asdict(counts), indent=2) + "\n", encoding="utf-8")


def write_rows(file: Path, rows: Iterable[Accepted] | Iterable[SetAside]) -> None:
    """Write a line of JSON for each row."""
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(vars(row), ensure_ascii=False) + "\n" for row in rows)


def read_counts(folder: Path) -> IngestionCounts:
    """Read the counts that `write` wrote."""
    values = json.loads((folder / COUNTS_FILE).read_text(encoding="utf-8"))
    for name in ("duplicates_across_splits", "near_duplicates_across_splits"):
        values[name] = tuple((one, other) for one, other in values[name])
    return IngestionCounts(**values)


def read_set_aside(folder: Path) -> list[SetAside]:
    """Read what was set aside, as `write` wrote it."""
    lines = (folder / QUARANTINE_FILE).read_text(encoding="utf-8").splitlines()
    return [SetAside(**json.loads(line)) for line in lines]


def check(counts: IngestionCounts, *, min_images_per_class: int) -> None:
    """Refuse data that cannot be trained on.

    Raises:
      DataError: nothing could be read, there is one class only, or a class has too few images
        in a split.
    """
    if not counts.accepted:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts.quarantined.items())
        raise DataError(f"none of the {counts.read} files is an image that can be read: {reasons}")
    labels = sorted({label for by_label in counts.accepted_by_split.values() for label in by_label})
    if len(labels) == 1:
        raise DataError(
            f"the {counts.read} images are of one class only, {labels[0]!r}; a classifier needs "
            "two or more"
        )
    short = [
        f"class {label!r} has {number} in {counts.called(split)!r}"
        for split, by_label in counts.accepted_by_split.items()
        for label, number in by_label.items()
        if number < min_images_per_class
    ]
    if short:
        is_settled = counts.split_names.keys() >= counts.accepted_by_split.keys()
        raise DataError(
            f"too few readable images: {'; '.join(short)}; data.min_images_per_class asks for "
            f"{min_images_per_class}. Add images, or {_MOVE if is_settled else _SHARE_OUT}"
        )
