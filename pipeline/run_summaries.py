"""The runs of a work directory as their summaries tell them, and nothing else.

An old version of Frostline wrote less, and a file may be broken: what is not there, or is of
another kind than it should be, is told as missing, and is no error.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.summary import FILE
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError

UNFINISHED = "unfinished"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class PastRun:
    """A run that has a folder; each question is answered with None or nothing where that is all.

    run_id: the name of its folder
    summary: what its `summary.json` holds; empty where that cannot be read
    status: as in the summary, or `unfinished` without one, or `unreadable`
    problem: why the summary cannot be read; empty where it can
    """

    run_id: str
    summary: Mapping[str, Any]
    status: str
    problem: str = ""

    def table(self, *path: str) -> Mapping[str, Any]:
        """The object at a path, as in ("data", "accepted_by_split")."""
        found = self._at(path)
        return found if isinstance(found, Mapping) else {}

    def rows(self, *path: str) -> Sequence[Mapping[str, Any]]:
        """The objects of the list at a path."""
        found = self._at(path)
        return [each for each in found if isinstance(each, Mapping)] if _is_list(found) else []

    def number(self, *path: str) -> float | None:
        """The number at a path."""
        return number(self._at(path))

    def text(self, *path: str) -> str | None:
        """The text at a path."""
        found = self._at(path)
        return found if isinstance(found, str) else None

    @property
    def started(self) -> str | None:
        """When it began, in UTC."""
        try:
            told = self.text("started")
            return datetime.fromisoformat(told).astimezone(UTC).isoformat() if told else None
        except (ValueError, OverflowError):
            return None

    def _at(self, path: Sequence[str]) -> Any:
        found: Any = self.summary
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def number(value: Any) -> float | None:
    """A value where it is a finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) <= sys.float_info.max else None


def past_runs(place: WorkDir) -> list[PastRun]:
    """All runs, the latest first.

    Raises:
      WorkDirError: there is no such folder.
    """
    if not place.root.is_dir():
        raise WorkDirError(f"--work-dir {place.root} holds no runs: `frostline run` makes it")
    # An id is a time, so that ids sort by age.
    folders = sorted((path for path in place.runs.glob("*") if path.is_dir()), reverse=True)
    return [_read(folder) for folder in folders]


def _read(folder: Path) -> PastRun:
    path = folder / FILE
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = f"no {FILE}: it is going on, or it was killed"
        return PastRun(folder.name, {}, UNFINISHED, problem)
    except (OSError, ValueError, RecursionError) as error:
        return PastRun(folder.name, {}, UNREADABLE, f"{path}: {error}")
    if not isinstance(summary, Mapping):
        return PastRun(folder.name, {}, UNREADABLE, f"{path} holds no object")
    status = summary.get("status")
    return PastRun(folder.name, summary, status if isinstance(status, str) else UNREADABLE)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
