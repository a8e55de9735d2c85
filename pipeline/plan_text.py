"""A plan as a person reads it."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from pipeline import findings, tables
from pipeline.board import duration
from pipeline.paragraphs import indented
from pipeline.plan import Plan, PlannedStep

_SHOWN = 3
_GATES = "Where a gate refuses, the steps after it are skipped."
_OTHER_SETTINGS = "? is told by a run with other settings."


def lines(plan: Plan, *, command: str, width: int) -> list[str]:
    """What would be done, why, how long and with how much room.

    Args:
      command: the command line that does it.
    """
    return [
        *_wrapped(_headline(plan), width),
        *_table(plan.steps, width),
        *_wrapped(" ".join(_legend(plan)), width),
        *(line for finding in plan.findings for line in findings.lines(finding, width=width)),
        *(line for note in plan.notes for line in indented(f"! {note}", width=width)),
        f"next  {command}" if plan.is_possible else "A run would not come through: see what fails.",
    ]


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan, and whether there is room for it."""
    return {**asdict(plan), "is_possible": plan.is_possible}


def _headline(plan: Plan) -> str:
    running = sum(step.state == "runs" for step in plan.steps)
    steps = f"{running} of {len(plan.steps)} steps run" if running else "every step is cached"
    return f"{plan.data}: {_files(plan)}{steps}, {_time(plan)}"


def _files(plan: Plan) -> str:
    if plan.files is None:
        return ""
    before = f" ({plan.files_before:,} in the run before)" if plan.files_before else ""
    return f"{plan.files:,} files{before}; "


def _time(plan: Plan) -> str:
    if plan.seconds is None:
        return "for a time that is unknown: no run before took all of these steps"
    around = f", of which {duration(plan.seconds_around or 0)} are loading and summing up"
    return f"about {duration(plan.seconds)}{around}"


def _table(steps: Sequence[PlannedStep], width: int) -> list[str]:
    table = tables.table()
    table.add_column("step", no_wrap=True)
    table.add_column("would", no_wrap=True)
    table.add_column("about", justify="right", no_wrap=True)
    table.add_column("because")
    for step in steps:
        table.add_row(step.name, _would(step), _about(step), escape(_because(step)))
    return tables.lines(table, width=width)


def _would(step: PlannedStep) -> str:
    return "run" if step.state == "runs" else "be cached"


def _about(step: PlannedStep) -> str:
    if step.state == "cached":
        return ""
    if step.estimate is None:
        return "unknown"
    return duration(step.estimate.seconds) + ("" if step.estimate.is_alike else " ?")


def _because(step: PlannedStep) -> str:
    texts = [reason.text for reason in step.reasons]
    more = [f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
    return ", ".join([*texts[:_SHOWN], *more])


def _legend(plan: Plan) -> Iterator[str]:
    running = [step for step in plan.steps if step.state == "runs"]
    if running:
        yield _GATES
    if any(step.estimate and not step.estimate.is_alike for step in running):
        yield _OTHER_SETTINGS


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
