"""The work directory: where everything of a run lies, and the lock that lets one run in."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from trainer.errors import WorkDirError

GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class WorkDir:
    """The places in a work directory. Nothing is made before it is needed."""

    root: Path

    @property
    def metadata(self) -> Path:
        """The sqlite file of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """What the steps hand to each other: TFX's pipeline root."""
        return self.root / "artifacts"

    @property
    def runs(self) -> Path:
        """A folder for each run, named by its id."""
        return self.root / "runs"

    @property
    def latest(self) -> Path:
        """A symbolic link to the folder of the latest run."""
        return self.root / "latest"

    @property
    def serving(self) -> Path:
        """What TF Serving watches: `<model>/<version>/`."""
        return self.root / "serving"

    def blessed(self, model_name: str) -> Path:
        """The pointer to the model that was blessed and pushed last under a name."""
        return self.root / "blessed" / f"{model_name}.json"

    @property
    def checkpoints(self) -> Path:
        """Training that was interrupted, to be resumed."""
        return self.root / "checkpoints"

    @property
    def schema(self) -> Path:
        """The schema that a person has curated, once it is frozen."""
        return self.root / "schema" / "schema.pbtxt"

    @property
    def imported_schemas(self) -> Path:
        """Copies of the curated schemas that runs have used, named by their content."""
        return self.root / "schema" / "imported"

    @property
    def data_gate(self) -> Path:
        """What the data gate keeps: the statistics accepted last, and its latest refusal."""
        return self.root / "data_gate"

    @property
    def ingested(self) -> Path:
        """What ingestion has read, span by span, so that no image is read again."""
        return self.root / "ingested"

    @property
    def features(self) -> Path:
        """What frozen bases have made of images, so that nothing is computed again."""
        return self.root / "features"

    @property
    def sample_data(self) -> Path:
        """The embedded sample, where a run asked for it."""
        return self.root / "sample_data"

    def new_run(self) -> Path:
        """Make `runs/<id>/`; the id is the time in UTC, so that ids sort by age."""
        started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        for attempt in range(1, 1000):
            folder = self.runs / (started if attempt == 1 else f"{started}-{attempt:03d}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return folder
        raise WorkDirError(f"{self.runs} holds 999 runs of {started}: remove some")

    def point_latest_at(self, run: Path) -> None:
        """Make `latest` lead to a run, in one step: who reads it never finds it missing."""
        fresh = self.root / ".latest"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(run.relative_to(self.root), target_is_directory=True)
        fresh.replace(self.latest)


@contextmanager
def opened(root: Path, *, free_bytes: int = GIGABYTE) -> Iterator[WorkDir]:
    """Make the work directory, or take the one that is there, and hold it for one run.

    The lock belongs to the process: a run that was killed leaves nothing that blocks.

    Raises:
        WorkDirError: it cannot be made or written, has less than `free_bytes` of room, or
            another run holds it.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise WorkDirError(_cannot_write(root, error)) from None
    with lock:
        _take(lock, root)
        _check_room(root, free_bytes)
        yield WorkDir(root)


def check_free(root: Path) -> None:
    """See that no run holds a work directory, which need not be there; nothing is written.

    Raises:
        WorkDirError: a run holds it.
    """
    try:
        lock = (root / ".lock").open(encoding="utf-8")
    except OSError:  # Nobody has held it yet, or nobody may look.
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkDirError(_in_use(root, holder=lock.read().strip())) from None


def _take(lock: IO[str], root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise WorkDirError(_in_use(root, holder=lock.read().strip())) from None
    except OSError as error:
        raise WorkDirError(_cannot_write(root, error)) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def _in_use(root: Path, *, holder: str) -> str:
    # The holder writes its id just after it took the lock: for a moment there is none.
    process, stop = (
        (f" (process {holder})", f"stop it with `kill {holder}`, ") if holder else ("", "")
    )
    return (
        f"--work-dir {root} is in use by another run{process}: wait until it ends, "
        f"{stop}or choose another --work-dir"
    )


def _check_room(root: Path, free_bytes: int) -> None:
    probe = root / ".probe"
    try:
        probe.write_bytes(b"frostline")
        probe.unlink()
    except OSError as error:
        raise WorkDirError(_cannot_write(root, error)) from None
    free = shutil.disk_usage(root).free
    if free < free_bytes:
        raise WorkDirError(
            f"{root} has {free / GIGABYTE:.1f} GB free and a run needs "
            f"{free_bytes / GIGABYTE:.1f} GB: make room, or choose another --work-dir"
        )


def _cannot_write(root: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"--work-dir {root} cannot be written ({reason}): choose a folder that can"
