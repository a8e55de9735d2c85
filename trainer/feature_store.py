"""Frozen features on disk: written once, found by key, mapped into memory, checked row by row.

A store is a folder of segments. A segment is a folder that appears whole or not at all:
  index.json   the keys of its rows, shape and type of each array, a checksum for each row
  <array>.bin  the rows of one array, one after the other
Segments are only ever added. Where two hold the same key, either will do.
"""

import json
import logging
import os
import shutil
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

INDEX = "index.json"
_UNFINISHED = ".unfinished-"
_LOGGER = logging.getLogger(__name__)


class BrokenIndexError(Exception):
    """An index is missing or is not what was written: the rows of its segment are lost."""


@dataclass(frozen=True)
class Array:
    """One array of a segment: [rows, *shape].

    checks: CRC-32 of each row
    """

    shape: tuple[int, ...]
    dtype: str
    checks: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Segment:
    """Some rows on disk."""

    folder: Path
    keys: tuple[str, ...]
    arrays: Mapping[str, Array]

    def mapped(self, name: str) -> np.ndarray:
        """An array, memory-mapped: [rows, *shape].

        Raises:
          ValueError, OSError: its file is missing, or is shorter or longer than it was.
        """
        array = self.arrays[name]
        path = self.folder / f"{name}.bin"
        flat = np.memmap(path, dtype=array.dtype, mode="r")
        return flat.reshape(len(self.keys), *array.shape)

    def sound_rows(self, names: Collection[str], rows: Iterable[int]) -> Iterator[int]:
        """Those of some rows that are in all these arrays just as they were written."""
        if not set(names) <= set(self.arrays):
            return
        try:
            checks = [(self.mapped(name), self.arrays[name].checks) for name in names]
        except (OSError, ValueError) as error:
            _LOGGER.warning("%s is damaged: %s", self.folder, error)
            return
        for row in rows:
            if all(_check(mapped[row]) == expected[row] for mapped, expected in checks):
                yield row
            else:
                _LOGGER.warning("%s is damaged: row %d", self.folder, row)

    @property
    def files(self) -> tuple[Path, ...]:
        """All of its files."""
        return (self.folder / INDEX, *(self.folder / f"{name}.bin" for name in self.arrays))


@dataclass(frozen=True)
class Place:
    """Where a row is."""

    segment: Segment
    row: int


def write(store: Path, keys: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Segment:
    """Add a segment. Whoever is killed on the way leaves none.

    Args:
      store: the folder of segments.
      keys: a key for each row.
      arrays: name -> [rows, ...].
    """
    name = uuid.uuid4().hex
    unfinished = store / f"{_UNFINISHED}{name}"
    unfinished.mkdir(parents=True)
    described = {}
    for array_name, rows in arrays.items():
        rows = np.ascontiguousarray(rows)
        _write_synced(unfinished / f"{array_name}.bin", rows.data)
        checks = tuple(map(_check, rows))
        described[array_name] = Array(rows.shape[1:], rows.dtype.name, checks)
    index = _index_text(keys, described)
    _write_synced(unfinished / INDEX, memoryview(index.encode()))
    unfinished.replace(store / name)
    _sync_folder(store)
    return Segment(store / name, tuple(keys), described)


def segments(store: Path) -> list[Segment]:
    """All segments whose index can be read; of others the log tells."""
    found = []
    for folder in sorted(store.glob("[!.]*/")):
        try:
            found.append(read(folder))
        except BrokenIndexError as error:
            _LOGGER.warning("%s", error)
    return found


def read(folder: Path) -> Segment:
    """A segment by its folder.

    Raises:
      BrokenIndexError: its index is missing or damaged.
    """
    try:
        stored = json.loads((folder / INDEX).read_text())
        body, check = stored["body"], stored["check"]
        if check != _text_check(json.dumps(body)):
            raise ValueError("its checksum is wrong")
        arrays = {
            name: Array(tuple(each["shape"]), each["dtype"], tuple(each["checks"]))
            for name, each in body["arrays"].items()
        }
        return Segment(folder, tuple(body["keys"]), arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenIndexError(f"{folder / INDEX} is missing or damaged: {error}") from error


def find(store: Path, keys: Collection[str], names: Collection[str]) -> dict[str, Place]:
    """Where the rows of some keys are, checked; what is missing or damaged is left out.

    Args:
      store: the folder of segments.
      keys: of the rows.
      names: the arrays that each row must be in.
    """
    found: dict[str, Place] = {}
    for segment in segments(store):
        rows = [row for row, key in enumerate(segment.keys) if key in keys and key not in found]
        for row in segment.sound_rows(names, rows):
            found[segment.keys[row]] = Place(segment, row)
    return found


def sweep(store: Path) -> None:
    """Remove what killed writers have left; call it only while nobody else writes."""
    for folder in store.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(folder)


def _index_text(keys: Sequence[str], arrays: Mapping[str, Array]) -> str:
    described = {
        name: {"shape": array.shape, "dtype": array.dtype, "checks": array.checks}
        for name, array in arrays.items()
    }
    body = {"keys": list(keys), "arrays": described}
    return json.dumps({"body": body, "check": _text_check(json.dumps(body))})


def _text_check(text: str) -> int:
    return zlib.crc32(text.encode())


def _check(row: np.ndarray) -> int:
    return zlib.crc32(row.data)


def _write_synced(path: Path, content: memoryview) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
