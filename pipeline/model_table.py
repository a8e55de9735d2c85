"""`frostline models`: what was pushed and what was not, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.markup import escape

from components import releases
from pipeline import tables
from pipeline.run_summaries import PastRun, past_runs
from pipeline.workdir import WorkDir

State = Literal["served", "kept", "withdrawn", "removed", "refused"]
_METRICS = ("accuracy", "log_loss", "expected_calibration_error")
_GATES = ("Evaluator", "ServingGate")
_REFUSED = ("not_blessed", "not_pushed", "not_servable")


@dataclass(frozen=True)
class Entry:
    """A model that was judged.

    name: the folder under `serving/`
    version: as TF Serving counts; None where it was not pushed
    run: the id of the run that pushed or refused it; None where its summary is gone
    made: when, in UTC
    state: `served` is the version that a server answers with, `kept` an earlier one, `removed` one
      that made room for later ones
    metrics: of the whole judged split
    why: the sentences of the checks that it failed, or why it was pushed in spite of them
    """

    name: str
    version: int | None
    run: str | None
    made: str
    state: State
    metrics: Mapping[str, float]
    why: Sequence[str]


def entries(place: WorkDir) -> list[Entry]:
    """The models of a work directory, the latest first.

    Raises:
      WorkDirError: it is none.
    """
    runs = past_runs(place)
    # The latest come first: of several that name a version, the first one pushed it.
    pushed_by = {key: run for run in runs if (key := _pushed_as(run))}
    found = [
        *_on_disk(place, pushed_by),
        *_gone(place, pushed_by),
        *(_refused(run) for run in runs if _was_refused(run)),
    ]
    return sorted(found, key=lambda entry: entry.made, reverse=True)


def lines(found: Sequence[Entry], *, width: int) -> list[str]:
    """A table, and below it why models were refused or forced."""
    table = tables.table()
    for name in ("model", "version", "made (UTC)", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("accuracy", "log loss", "ECE"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for entry in found:
        metrics = (_decimal(entry.metrics.get(name)) for name in _METRICS)
        version = str(entry.version or "-")
        made = entry.made.replace("T", " ")[:16]
        table.add_row(
            entry.name, version, made, entry.state, *metrics, escape("\n".join(entry.why))
        )
    return tables.lines(table, width=width)


def _pushed_as(run: PastRun) -> tuple[str, int] | None:
    """The name and the version under which a run's model is served."""
    name, version = _name(run), run.text("pushed", "version") or ""
    return (name, int(version)) if run.status == "pushed" and version.isdecimal() else None


def _on_disk(place: WorkDir, pushed_by: Mapping[tuple[str, int], PastRun]) -> Iterator[Entry]:
    for base in place.serving.glob("*"):
        versions = releases.versions(base)
        for version in versions:
            state = "served" if version == versions[-1] else "kept"
            run = pushed_by.get((base.name, version))
            yield _pushed(base / str(version), base.name, state, run)
        for version in releases.withdrawn(base):
            run = pushed_by.get((base.name, version))
            folder = base / releases.WITHDRAWN / str(version)
            yield _pushed(folder, base.name, "withdrawn", run)


def _gone(place: WorkDir, pushed_by: Mapping[tuple[str, int], PastRun]) -> Iterator[Entry]:
    for (name, version), run in pushed_by.items():
        base = place.serving / name
        if version not in {*releases.versions(base), *releases.withdrawn(base)}:
            yield Entry(name, version, run.run_id, _made(version), "removed", _metrics(run), ())


def _pushed(folder: Path, name: str, state: State, run: PastRun | None) -> Entry:
    card = releases.card(folder)
    metrics = card.metrics.get("", {}) if card else _metrics(run) if run else {}
    why = [f"forced: {card.forced}"] if card and card.forced else []
    version = int(folder.name)
    return Entry(name, version, run and run.run_id, _made(version), state, metrics, why)


def _was_refused(run: PastRun) -> bool:
    """Whether a run judged a model anew and did not push it."""
    ran = {step.get("name") for step in run.rows("steps") if step.get("state") == "ran"}
    return run.status in _REFUSED and not ran.isdisjoint(_GATES)


def _refused(run: PastRun) -> Entry:
    why = [str(gate.get("sentence")) for gate in run.rows("gates") if not gate.get("passed")]
    return Entry(_name(run), None, run.run_id, run.started or "", "refused", _metrics(run), why)


def _name(run: PastRun) -> str:
    return run.text("config", "push", "model_name") or ""


def _metrics(run: PastRun) -> Mapping[str, float]:
    values = ((name, run.number("evaluation", name)) for name in run.table("evaluation"))
    return {name: value for name, value in values if value is not None}


def _made(version: int) -> str:
    """When a version was made: it is the seconds since 1970, or a number of somebody else's."""
    try:
        return datetime.fromtimestamp(version, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
