"""The page: a summary and what was found beside it in, HTML out."""

import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2

from components.gates import Gate
from pipeline import closing
from pipeline.board import duration
from pipeline.report import (
    card,
    charts,
    differences,
    flow,
    headline,
    judgement,
    numerals,
    rates,
    thresholds,
)
from pipeline.report.charts import Chart
from pipeline.report.distributions import PROPERTIES, Distribution
from pipeline.report.evidence import Evidence, by_turns
from pipeline.summary import Summary

_TEMPLATE = "report.html"
_MOST_NAMED = 200  # files that were set aside
_MOST_CARDS = 24
_MOST_TRIALS = 50
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FILTERS = {
    "metric": numerals.metric,
    "count": numerals.count,
    "size": numerals.size,
    "duration": duration,
    "setting": differences.text,
    "words": lambda name: name.replace("_", " "),
}


def write(path: Path, summary: Summary, evidence: Evidence, work_dir: Path) -> None:
    """Draw the page into a file, whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    try:
        unfinished.write_text(draw(summary, evidence, work_dir), encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def draw(summary: Summary, evidence: Evidence, work_dir: Path) -> str:
    """The page as well-formed HTML that refers to nothing outside itself."""
    return _environment().get_template(_TEMPLATE).render(_context(summary, evidence, work_dir))


def plain(value: Any) -> Any:
    """Text without the characters that HTML has no way to write; all else as it is."""
    return _UNWRITABLE.sub("\ufffd", value) if type(value) is str else value


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=plain,  # Names of files may hold anything.
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def _context(summary: Summary, evidence: Evidence, work_dir: Path) -> dict[str, Any]:
    settings = differences.settings(summary.config, summary.preset)
    set_aside = by_turns(evidence.set_aside)
    threshold = judgement.threshold(summary)
    choice = thresholds.choice(evidence.judged, threshold=threshold)
    return {
        "summary": summary,
        "command": shlex.join(summary.command),
        "few": judgement.FEW,
        "headline": headline.of(summary),
        "untrained": closing.UNTRAINED if summary.model["untrained"] else None,
        "advice": list(closing.advice(summary, work_dir)),
        "gates": _gates(summary.gates),
        "flow": flow.of(summary.steps),
        "curves": charts.curves(summary.training) if summary.training else [],
        "properties": list(_properties(evidence)),
        "evidence": evidence,
        "cards": set_aside[:_MOST_CARDS],
        "more_set_aside": set_aside[_MOST_CARDS:_MOST_NAMED],
        "unnamed": len(set_aside[_MOST_NAMED:]),
        "metrics": judgement.metrics(summary),
        "judged": judgement.images(summary),
        "judged_split": judgement.split(summary),
        "called": functools.partial(judgement.called, summary),
        "choice": choice,
        "rates": rates.of(thresholds.sweeps(evidence.judged), choice),
        "gallery": evidence.gallery,
        "wrong": sum(not image.is_right for image in evidence.judged),
        "slices": judgement.slices(summary),
        "confusion": judgement.confusion(summary),
        "mistakes": judgement.mistakes(summary),
        "card": card.of(summary),
        "trials": summary.tuning["trials"][:_MOST_TRIALS] if summary.tuning else [],
        "chosen": [each for each in settings if each.differs],
        "settings": settings,
        "labels": card.classes(summary),
    }


def _gates(gates: Sequence[Gate]) -> list[tuple[str, list[Gate]]]:
    """Step and its checks, the failed ones first; the step that judged last comes first."""
    steps = dict.fromkeys(gate.step for gate in reversed(gates))
    return [
        (step, sorted((gate for gate in gates if gate.step == step), key=lambda gate: gate.passed))
        for step in steps
    ]


def _properties(evidence: Evidence) -> Iterator[tuple[Chart, Sequence[Distribution]]]:
    """The chart of each property, and its numbers by split."""
    for feature, title in PROPERTIES.items():
        if splits := evidence.spread.of(feature):
            yield charts.histogram(title, splits), splits
