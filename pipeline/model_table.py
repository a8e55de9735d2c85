"""`frostline models`: what was pushed and what was not, and why."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components import releases
from pipeline.summary import FILE
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError

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
    if not place.root.is_dir():
        raise WorkDirError(f"--work-dir {place.root} holds no runs: `frostline run` makes it")
    summaries = _summaries(place)
    pushed_by = {
        (summary["config"]["push"]["model_name"], int(summary["pushed"]["version"])): summary
        for summary in summaries
        if summary["status"] == "pushed" and summary["pushed"]
    }
    refused = (summary for summary in summaries if _was_refused(summary))
    found = [
        *_on_disk(place, pushed_by),
        *_gone(place, pushed_by),
        *(_refused(summary) for summary in refused),
    ]
    return sorted(found, key=lambda entry: entry.made, reverse=True)


def lines(found: Sequence[Entry], *, width: int) -> list[str]:
    """A table, and below it why models were refused or forced."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
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
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]


def _summaries(place: WorkDir) -> list[Mapping[str, Any]]:
    """Of all runs, the latest first: of several that name a version the first one pushed it."""
    files = sorted(place.runs.glob(f"*/{FILE}"), reverse=True)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _on_disk(
    place: WorkDir, pushed_by: Mapping[tuple[str, int], Mapping[str, Any]]
) -> Iterator[Entry]:
    for base in place.serving.glob("*"):
        versions = releases.versions(base)
        for version in versions:
            state = "served" if version == versions[-1] else "kept"
            summary = pushed_by.get((base.name, version))
            yield _pushed(base / str(version), base.name, state, summary)
        for version in releases.withdrawn(base):
            summary = pushed_by.get((base.name, version))
            folder = base / releases.WITHDRAWN / str(version)
            yield _pushed(folder, base.name, "withdrawn", summary)


def _gone(
    place: WorkDir, pushed_by: Mapping[tuple[str, int], Mapping[str, Any]]
) -> Iterator[Entry]:
    for (name, version), summary in pushed_by.items():
        base = place.serving / name
        if version not in {*releases.versions(base), *releases.withdrawn(base)}:
            yield Entry(
                name, version, summary["run_id"], _made(version), "removed", _metrics(summary), ()
            )


def _pushed(folder: Path, name: str, state: State, summary: Mapping[str, Any] | None) -> Entry:
    card = releases.card(folder)
    metrics = card.metrics.get("", {}) if card else _metrics(summary) if summary else {}
    why = [f"forced: {card.forced}"] if card and card.forced else []
    run = summary["run_id"] if summary else None
    version = int(folder.name)
    return Entry(name, version, run, _made(version), state, metrics, why)


def _was_refused(summary: Mapping[str, Any]) -> bool:
    """Whether a run judged a model anew and did not push it."""
    ran = {step["name"] for step in summary["steps"] if step["state"] == "ran"}
    return summary["status"] in _REFUSED and not ran.isdisjoint(_GATES)


def _refused(summary: Mapping[str, Any]) -> Entry:
    why = [gate["sentence"] for gate in summary["gates"] if not gate["passed"]]
    name = summary["config"]["push"]["model_name"]
    made = datetime.fromisoformat(summary["started"]).astimezone(UTC).isoformat()
    return Entry(name, None, summary["run_id"], made, "refused", _metrics(summary), why)


def _metrics(summary: Mapping[str, Any]) -> Mapping[str, float]:
    return summary["evaluation"] or {}


def _made(version: int) -> str:
    """When a version was made: it is the seconds since 1970, or a number of somebody else's."""
    try:
        return datetime.fromtimestamp(version, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
