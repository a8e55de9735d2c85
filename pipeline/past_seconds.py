"""How long steps would take, told by how long they took in the runs of this work directory."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.account import FROZEN_FEATURES
from pipeline.run_summaries import PastRun

# What these do takes as long for any number of images; the others do theirs for each.
_ONCE = frozenset(
    ["SchemaGen", "ImportSchemaGen", "ExampleValidator", "BlessedModel", "ServingGate", "Pusher"]
)


@dataclass(frozen=True)
class Estimate:
    """About how long a step would take.

    run: the id of the run that it is told by
    is_alike: whether the step was told the same settings then
    """

    seconds: float
    run: str
    is_alike: bool


def of_step(
    name: str, runs: Sequence[PastRun], *, files: int | None, is_alike: bool
) -> Estimate | None:
    """As in the latest run that took the step, and longer by as much as there are more images.

    Not shorter where there are fewer: what a step needs besides is most of a small run.

    Args:
      runs: the latest first.
      files: that there are to be read; None where nobody knows.
      is_alike: whether the step is told the same settings as the last time.
    """
    if name == FROZEN_FEATURES and is_alike:
        found = _of_new_features(runs, files)
        if found:
            return found
    for run in runs:
        if (seconds := _seconds(run, name)) is not None:
            growth = _growth(run, files) if name not in _ONCE else 1.0
            return Estimate(seconds * growth, run.run_id, is_alike)
    return None


def around_steps(runs: Sequence[PastRun]) -> float | None:
    """What the latest run that came through took besides its steps: imports, above all."""
    for run in runs:
        total, steps = run.number("seconds"), run.rows("steps")
        if total is not None and steps and run.table("evaluation"):
            return max(0.0, total - sum(_number(step.get("seconds")) for step in steps))
    return None


def _of_new_features(runs: Sequence[PastRun], files: int | None) -> Estimate | None:
    """Rows that are there already cost nothing: only those of more images count."""
    latest = next((run for run in runs if run.number("features", "images")), None)
    if latest is None or files is None:
        return None
    read, views = latest.number("data", "read") or 0, latest.number("features", "views") or 1
    for run in runs:
        computed, seconds = run.number("features", "computed"), _seconds(run, FROZEN_FEATURES)
        if computed and seconds is not None:
            rows = max(0.0, files - read) * views
            return Estimate(seconds * rows / computed, run.run_id, is_alike=True)
    return None


def _seconds(run: PastRun, name: str) -> float | None:
    for step in run.rows("steps"):
        if step.get("name") == name and step.get("state") == "ran":
            return _number(step.get("seconds"))
    return None


def _growth(run: PastRun, files: int | None) -> float:
    read = run.number("data", "read")
    return max(1.0, files / read) if files and read else 1.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
