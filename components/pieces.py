"""What ingestion keeps, so that an image is read and hashed once: a piece for each span.

A piece is a folder named by the digest of all that goes into it. It appears whole or not at all:
  Split-<split>/data_tfrecord-<shard>.gz   Examples
  accepted-<shard>.jsonl, set_aside-<shard>.jsonl   a line for each file that was read
"""

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import digests
from components.image_files import ImageFile, Listing
from components.quarantine import Accepted, SetAside
from components.settings import IngestionSettings

_UNFINISHED = ".unfinished-"
_ACCEPTED = "accepted"
_SET_ASIDE = "set_aside"
_RECORDS = "data_tfrecord"


@dataclass(frozen=True)
class Piece:
    """The files of one span, or all files where there are no spans.

    folder: where their TFRecords are kept
    """

    folder: Path
    span: int | None
    files: tuple[ImageFile, ...]

    @property
    def is_there(self) -> bool:
        """Whether its files have been read already."""
        return self.folder.is_dir()

    @property
    def unfinished(self) -> Path:
        """Where it is written, before it is put into its place."""
        return self.folder.with_name(_UNFINISHED + self.folder.name)


def cut(listing: Listing, *, settings: IngestionSettings, code: str, cache: Path) -> list[Piece]:
    """The pieces of a data set, in the order of their spans.

    Args:
      code: digest of the code that makes them.
      cache: the folder that keeps them.
    """
    made_with = settings.model_dump_json(exclude={"min_images_per_class"})
    in_order = sorted(listing.files, key=lambda file: file.span or 0)
    by_span = itertools.groupby(in_order, key=lambda file: file.span)
    pieces = []
    for span, members in by_span:
        files = tuple(members)
        pieces.append(Piece(cache / digests.of([code, made_with, *map(repr, files)]), span, files))
    return pieces


def begin(piece: Piece) -> Path:
    """Make the folder to write a piece to."""
    piece.unfinished.mkdir(parents=True)
    return piece.unfinished


def finish(piece: Piece) -> None:
    """Put a piece that is written into its place."""
    piece.unfinished.replace(piece.folder)


def sweep(cache: Path) -> None:
    """Remove what killed runs have left half-written."""
    for folder in cache.glob(_UNFINISHED + "*"):
        shutil.rmtree(folder)


def shard(folder: Path, split: str, number: str) -> Path:
    """The TFRecords of a split."""
    return folder / f"Split-{split}" / f"{_RECORDS}-{number}.gz"


def accepted_rows(folder: Path, number: str) -> Path:
    """The lines on images that were accepted."""
    return folder / f"{_ACCEPTED}-{number}.jsonl"


def set_aside_rows(folder: Path, number: str) -> Path:
    """The lines on files that were set aside."""
    return folder / f"{_SET_ASIDE}-{number}.jsonl"


def accepted(piece: Piece) -> Iterator[Accepted]:
    """The images that a piece holds."""
    return (Accepted(**row) for row in _rows(piece.folder, _ACCEPTED))


def set_aside(piece: Piece) -> Iterator[SetAside]:
    """The files of a piece that were set aside."""
    return (SetAside(**row) for row in _rows(piece.folder, _SET_ASIDE))


def count_read(piece: Piece) -> int:
    """How many files were read for a piece."""
    return sum(1 for kind in (_ACCEPTED, _SET_ASIDE) for _ in _rows(piece.folder, kind))


def link(piece: Piece, examples: Path) -> None:
    """Put a piece's TFRecords into `examples/Split-<split>/`: linked, or copied where need be."""
    prefix = _RECORDS if piece.span is None else f"{_RECORDS}-span-{piece.span}"
    for source in sorted(piece.folder.glob("Split-*/*")):
        target = examples / source.parent.name / source.name.replace(_RECORDS, prefix, 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # Another file system, or one without links.
            shutil.copyfile(source, target)


def _rows(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob(f"{kind}-*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
