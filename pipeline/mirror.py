"""A work directory that is looked at and left as it is: what would be written goes elsewhere."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from components.acceptance import ACCEPTED_FILE
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class Mirror(WorkDir):
    """A work directory with a copy of its ML Metadata; all else is where it is.

    copy: a folder that may be written
    """

    copy: Path

    @property
    def metadata(self) -> Path:
        return self.copy / "metadata.sqlite"


@dataclass(frozen=True)
class Scratch(Mirror):
    """The same, with a copy of what is noted down of data and schema before a run's first step."""

    @property
    def data_gate(self) -> Path:
        return self.copy / "data_gate"

    @property
    def imported_schemas(self) -> Path:
        return self.copy / "schemas"


@contextmanager
def mirrored(place: WorkDir) -> Iterator[Scratch]:
    """Copy the little that has to be copied; the copy is gone in the end."""
    with TemporaryDirectory(prefix="frostline-plan-") as folder:
        scratch = Scratch(place.root, Path(folder))
        if place.metadata.exists():
            _copy_database(place.metadata, scratch.metadata)
        accepted = place.data_gate / ACCEPTED_FILE
        if accepted.exists():
            scratch.data_gate.mkdir()
            (scratch.data_gate / ACCEPTED_FILE).write_bytes(accepted.read_bytes())
        yield scratch


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as of one moment, though a run should be writing to it."""
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
