"""Where the latest report lies."""

from pathlib import Path

from pipeline.closing import REPORT
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError


def find(place: WorkDir) -> Path:
    """The report of the latest run in a work directory.

    Raises:
      WorkDirError: nothing has been run there, or the latest run left no report.
    """
    run = place.latest.resolve()
    if not place.latest.is_dir():
        raise WorkDirError(
            f"--work-dir {place.root} holds no run: name one where something was run, or begin "
            f"with `frostline run --data DIR --work-dir {place.root}`"
        )
    if not (run / REPORT).is_file():
        raise WorkDirError(
            f"{run} holds no {REPORT}: the run is of an earlier version, or {run / 'run.log'} says "
            "why it could not be drawn; the next `frostline run` draws one"
        )
    return run / REPORT
