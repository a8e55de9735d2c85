"""Spans: the `span-<N>` folders in which new data arrive, and which of them are wanted."""

import re
from collections.abc import Iterable

from trainer.errors import DataError

LATEST = "latest"
_FOLDER = re.compile(r"span-(\d{1,18})", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,18})(?:\.\.(\d{1,18}))?")


def number(folder: str) -> int | None:
    """The number of a span's folder; None for other folders."""
    found = _FOLDER.fullmatch(folder)
    return int(found[1]) if found else None


def text(numbers: Iterable[int]) -> str:
    """Spans as `chosen` reads them; empty for none."""
    ordered = sorted(numbers)
    return f"{ordered[0]}..{ordered[-1]}" if ordered else ""


def is_valid(wanted: str) -> bool:
    """Whether this is `latest`, `N` or `N..M` with N up to M."""
    found = _RANGE.fullmatch(wanted)
    return wanted == LATEST or bool(found and int(found[1]) <= int(found[2] or found[1]))


def chosen(folders: Iterable[str], *, wanted: str | None, data: str) -> list[int] | None:
    """Which spans to read, in order of their numbers.

    Args:
      folders: the folders of the data.
      wanted: `latest` (what None means, as in TFX: the newest span alone), `N`, or `N..M` with
        both ends.
      data: what a person called the data.

    Returns:
      None where the data come in no spans.

    Raises:
      DataError: no such span, or folders that are none beside those that are.
    """
    by_folder = {folder: number(folder) for folder in sorted(folders)}
    there = sorted({found for found in by_folder.values() if found is not None})
    if not there and wanted is None:
        return None
    if not there:
        raise DataError(
            f"--span {wanted}: the data set {data} has no span-<N> folder; leave it out"
        )
    _check_folders(by_folder, data)
    return _within(there, LATEST if wanted is None else wanted, data)


def _check_folders(by_folder: dict[str, int | None], data: str) -> None:
    others = [folder for folder, found in by_folder.items() if found is None]
    if others:
        raise DataError(
            f"the data set {data} has the folder {others[0]!r} beside its span-<N> folders; move "
            "it into a span, or away"
        )
    seen: dict[int | None, str] = {}
    for folder, found in by_folder.items():
        if found in seen:
            raise DataError(
                f"{seen[found]!r} and {folder!r} in {data} are the same span; merge them"
            )
        seen[found] = folder


def _within(there: list[int], wanted: str, data: str) -> list[int]:
    if wanted == LATEST:
        return there[-1:]
    if not is_valid(wanted):
        raise DataError(
            f"--span {wanted}: should be latest, N or N..M, as in --span 1..{there[-1]}"
        )
    first, _, last = wanted.partition("..")
    low, high = int(first), int(last or first)
    missing = [end for end in (low, high) if end not in there]
    if missing:
        raise DataError(
            f"--span {wanted}: the data set {data} has no span {missing[0]}; it has "
            f"{there[0]} to {there[-1]} ({len(there)} spans)"
        )
    return [span for span in there if low <= span <= high]
