"""`frostline compare`: what is different in two runs, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import flips
from pipeline.changes import OPTIONAL_SETTINGS, Change, changes
from pipeline.flips import Flips
from pipeline.run_summaries import PastRun, number, past_runs
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError

LATEST = "latest"
_NAMED = 5
# A class or a reason that is not counted has no images.
_COUNTED = {"accepted_by_split.": 0, "quarantined.": 0}


@dataclass(frozen=True)
class Difference:
    """A number in two runs, equal or not.

    before, after: None where a run has none
    difference: `after` less `before`
    """

    name: str
    before: float | None
    after: float | None
    difference: float | None


@dataclass(frozen=True)
class Check:
    """A check of a gate in two runs.

    before, after: whether it was passed; None where a run was not checked so
    sentence: what the later run, or else the earlier one, was told
    """

    name: str
    before: bool | None
    after: bool | None
    sentence: str


@dataclass(frozen=True)
class Timing:
    """A step in two runs; the state is None where a run has no such step."""

    seconds: Difference
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Comparison:
    """What changed from run `a` to run `b`.

    settings: with the preset
    data: its path, and its images by split and class, or set aside by reason
    code: versions of the packages, and the weights' digest
    metrics: of the whole judged split, and the accuracy of each class
    flips: images judged differently; None where a run has kept no predictions
    """

    a: str
    b: str
    status: Change
    settings: Sequence[Change]
    data: Sequence[Change]
    code: Sequence[Change]
    metrics: Sequence[Difference]
    checks: Sequence[Check]
    steps: Sequence[Timing]
    seconds: Difference
    flips: Flips | None


def compare(place: WorkDir, a: str, b: str) -> Comparison:
    """Hold two runs of a work directory against each other.

    Args:
      a, b: ids, their beginnings, or `latest`.

    Raises:
      ConfigError: no run is meant, or several are, or the one that is left no summary.
      WorkDirError: there is no such folder.
    """
    runs = past_runs(place)
    old, new = _chosen(place, runs, a), _chosen(place, runs, b)
    return _compared(old, new, flips=flips.find(place.runs / old.run_id, place.runs / new.run_id))


def _chosen(place: WorkDir, runs: Sequence[PastRun], wanted: str) -> PastRun:
    meant = [run for run in runs if run.run_id.startswith(wanted)]
    if wanted == LATEST:
        meant = [run for run in runs if run.summary][:1]
    exact = [run for run in meant if run.run_id == wanted]
    chosen = exact or meant
    if not chosen:
        there = _listed(runs) or "none"
        raise ConfigError(
            f"run {wanted}: {place.root} has no such run; there are {there}, or {LATEST}"
        )
    if len(chosen) > 1:
        raise ConfigError(f"run {wanted}: that may be {_listed(chosen)}: give more of the id")
    [run] = chosen
    if not run.summary:
        raise ConfigError(f"run {run.run_id} cannot be compared: {run.problem}")
    return run


def _listed(runs: Sequence[PastRun]) -> str:
    more = f" and {len(runs) - _NAMED} more (`frostline runs` lists all)"
    return ", ".join(run.run_id for run in runs[:_NAMED]) + (more if len(runs) > _NAMED else "")


def _compared(a: PastRun, b: PastRun, *, flips: Flips | None) -> Comparison:
    return Comparison(
        a=a.run_id,
        b=b.run_id,
        status=Change("status", a.status, b.status),
        settings=changes(_settings(a), _settings(b), optional=OPTIONAL_SETTINGS),
        data=changes(_data(a), _data(b), optional=_COUNTED),
        code=changes(_code(a), _code(b)),
        metrics=_metrics(a, b),
        checks=_checks(a, b),
        steps=_steps(a, b),
        seconds=_difference("total", a.number("seconds"), b.number("seconds")),
        flips=flips,
    )


def _settings(run: PastRun) -> dict[str, Any]:
    return {"preset": run.text("preset"), **run.table("config")}


def _data(run: PastRun) -> dict[str, Any]:
    """Long lists of files are told by their length."""
    return {
        name: len(value) if isinstance(value, list) else value
        for name, value in run.table("data").items()
    }


def _code(run: PastRun) -> dict[str, Any]:
    return {**run.table("versions"), "weights": run.text("model", "weights_sha256")}


def _metrics(a: PastRun, b: PastRun) -> list[Difference]:
    old, new = _measured(a), _measured(b)
    return [_difference(name, old.get(name), new.get(name)) for name in {**new, **old}]


def _measured(run: PastRun) -> dict[str, float | None]:
    by_class = run.table("evaluation_by_class")
    whole = {name: number(value) for name, value in run.table("evaluation").items()}
    accuracies = {
        f"accuracy of {label}": run.number("evaluation_by_class", label, "accuracy")
        for label in by_class
    }
    return {**whole, **accuracies}


def _checks(a: PastRun, b: PastRun) -> list[Check]:
    old, new = _judged(a), _judged(b)
    return [
        Check(
            name,
            _passed(old.get(name)),
            _passed(new.get(name)),
            _sentence(new.get(name), old.get(name)),
        )
        for name in {**new, **old}
    ]


def _judged(run: PastRun) -> dict[str, Mapping[str, Any]]:
    return {str(gate.get("check")): gate for gate in run.rows("gates")}


def _passed(gate: Mapping[str, Any] | None) -> bool | None:
    return None if gate is None else bool(gate.get("passed"))


def _sentence(*gates: Mapping[str, Any] | None) -> str:
    return next(str(gate.get("sentence", "")) for gate in gates if gate is not None)


def _steps(a: PastRun, b: PastRun) -> list[Timing]:
    old, new = ({str(step.get("name")): step for step in run.rows("steps")} for run in (a, b))
    return [_timing(name, old.get(name, {}), new.get(name, {})) for name in {**new, **old}]


def _timing(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Timing:
    seconds = _difference(name, number(old.get("seconds")), number(new.get("seconds")))
    return Timing(seconds, old.get("state"), new.get("state"))


def _difference(name: str, before: float | None, after: float | None) -> Difference:
    if before is None or after is None:
        return Difference(name, before, after, None)
    return Difference(name, before, after, after - before)
