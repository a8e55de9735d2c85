"""The features of one run's images: a folder that stands on its own, whatever becomes of the store.

index.json          a `Contents`: what base made the features, and where each row is
segments/<name>/    segments of `trainer.feature_store`, linked or copied
statistics.npz      of a random base only: what makes the same base again
pictures/           a few image files, to warm a server up with
"""

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer import feature_store
from trainer.blocks import Block
from trainer.errors import WorkDirError
from trainer.feature_rows import FeatureRows
from trainer.feature_store import Place, Segment
from trainer.processor import Precision

STATISTICS = "statistics.npz"
_INDEX = "index.json"
_SEGMENTS = "segments"
_PICTURES = "pictures"


@dataclass(frozen=True)
class Base:
    """What has made the features.

    line: the layer that they are the output of
    blocks: what the columns of `pooled` are the means of, side by side
    """

    line: str
    precision: Precision
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Account:
    """What it took. `rows` is a row for each image and view, `computed` those that were missing."""

    rows: int
    computed: int
    bytes: int


@dataclass(frozen=True)
class FeatureSet:
    """The features of one run's images."""

    folder: Path
    base: Base
    account: Account
    segments: tuple[Segment, ...]
    places: Mapping[str, tuple[int, int]]

    @property
    def statistics(self) -> Path | None:
        """The file that makes a random base again; None where the base is pretrained."""
        path = self.folder / STATISTICS
        return path if path.exists() else None

    @property
    def views_of_images(self) -> Mapping[str, int]:
        """Digest -> how many views of that image there are."""
        return Counter(key.partition("/")[0] for key in self.places)

    def pictures(self) -> list[bytes]:
        """A few image files of the validation split."""
        return [path.read_bytes() for path in sorted((self.folder / _PICTURES).iterdir())]

    def rows(
        self, keys: Sequence[str], labels: Sequence[int], *, array: str, columns: Sequence[slice]
    ) -> FeatureRows:
        """Rows to train on, in the order of their keys, each checked.

        Args:
          keys: of the rows; the same may come twice.
          labels: a label for each.
          array: `pooled` or `map`.
          columns: the parts of a row of `pooled` that are wanted; none means all.

        Raises:
          WorkDirError: a row is damaged.
        """
        order = sorted(range(len(keys)), key=lambda number: (keys[number], labels[number]))
        places = [self.places[keys[number]] for number in order]
        self._check(places, array)
        return FeatureRows.of(
            [segment.mapped(array) for segment in self.segments],
            places,
            [labels[number] for number in order],
            columns,
        )

    def _check(self, places: Sequence[tuple[int, int]], array: str) -> None:
        wanted = defaultdict(set)
        for number, row in places:
            wanted[number].add(row)
        for number, rows in wanted.items():
            segment = self.segments[number]
            damaged = rows - set(segment.sound_rows([array], sorted(rows)))
            if damaged:
                distrust(segment)
                raise WorkDirError(
                    f"{len(damaged)} rows of features in {segment.folder} are damaged: run the "
                    "same command again, which computes them anew"
                )


def write(
    folder: Path,
    base: Base,
    places: Mapping[str, Place],
    *,
    computed: int,
    statistics: Path | None,
    pictures: Sequence[bytes],
) -> FeatureSet:
    """Put a set together out of rows of a store."""
    used = sorted({place.segment.folder: place.segment for place in places.values()}.items())
    (folder / _SEGMENTS).mkdir(parents=True, exist_ok=True)
    for _, segment in used:
        _link_all(segment, folder / _SEGMENTS / segment.folder.name)
    if statistics is not None:
        _link(statistics, folder / STATISTICS)
    (folder / _PICTURES).mkdir()
    for number, picture in enumerate(pictures):
        (folder / _PICTURES / str(number)).write_bytes(picture)
    numbers = {path: number for number, (path, _) in enumerate(used)}
    index = {
        "base": asdict(base),
        "account": asdict(Account(len(places), computed, _bytes_of(places))),
        "segments": [segment.folder.name for _, segment in used],
        "places": {
            key: (numbers[place.segment.folder], place.row) for key, place in places.items()
        },
        "stamps": _stamps(folder),
    }
    (folder / _INDEX).write_text(json.dumps(index))
    return read(folder)


def read(folder: Path) -> FeatureSet:
    """Open a set.

    Raises:
      WorkDirError: it is damaged.
    """
    try:
        index = _index(folder)
        segments = [feature_store.read(folder / _SEGMENTS / name) for name in index["segments"]]
    except (OSError, ValueError, feature_store.BrokenIndexError) as error:
        raise WorkDirError(
            f"the features in {folder} are damaged ({error}): run the same command again, which "
            "computes anew what is lost"
        ) from None
    base = index["base"]
    return FeatureSet(
        folder=folder,
        base=Base(base["line"], base["precision"], tuple(Block(**each) for each in base["blocks"])),
        account=Account(**index["account"]),
        segments=tuple(segments),
        places={key: (segment, row) for key, (segment, row) in index["places"].items()},
    )


def is_intact(folder: Path) -> bool:
    """Whether no file has been touched since the set was written: sizes and times, no contents."""
    try:
        return _index(folder)["stamps"] == _stamps(folder)
    except (OSError, ValueError, KeyError):
        return False


def distrust(segment: Segment) -> None:
    """Let a segment look touched, in every set that it is linked into, so that it is checked."""
    for path in segment.files:
        if path.exists():
            os.utime(path)


def _index(folder: Path) -> dict:
    return json.loads((folder / _INDEX).read_text())


def _stamps(folder: Path) -> dict[str, list[int]]:
    files = sorted((folder / _SEGMENTS).rglob("*.*"))
    return {
        str(path.relative_to(folder)): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in files
    }


def _bytes_of(places: Mapping[str, Place]) -> int:
    return sum(
        array.row_bytes for place in places.values() for array in place.segment.arrays.values()
    )


def _link_all(segment: Segment, folder: Path) -> None:
    folder.mkdir()
    for path in segment.files:
        _link(path, folder / path.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copyfile(source, target)
