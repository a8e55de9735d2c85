"""`frostline plan`: what a run would do, why, how long and with how much room. Nothing is written.

What is cached is asked of TFX's cache itself; see `pipeline.cache_forecast`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.image_files import Listing
from pipeline import (
    cached_steps,
    chatter,
    mirror,
    past_seconds,
    preflight,
    run_checks,
    run_summaries,
    workdir,
)
from pipeline.account import FROZEN_FEATURES
from pipeline.cached_steps import Outlook, Reason
from pipeline.config import Config
from pipeline.findings import Finding
from pipeline.past_seconds import Estimate
from pipeline.preflight import Weights
from pipeline.run_summaries import PastRun
from pipeline.workdir import WorkDir
from trainer import weights

if TYPE_CHECKING:
    from pipeline.mirror import Scratch


@dataclass(frozen=True)
class Question:
    """What a person would ask of a run; see `pipeline.attempt.Request`."""

    config: Config
    data: str | None
    span: str | None
    accept_reason: str | None = None
    force_bless: str | None = None


@dataclass(frozen=True)
class PlannedStep:
    """A step of the run.

    state: what it would be; `runs` where no gate before it refuses
    reasons: why it runs
    estimate: about how long; None where no run of this work directory has taken it
    """

    name: str
    state: Literal["cached", "runs"]
    reasons: Sequence[Reason] = ()
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    data: the folder, manifest or archive
    files: how many it holds; None where nobody knows
    files_before: how many the latest run read; None where there is none
    seconds: about how long it takes; None where a step that runs has never been taken
    seconds_around: of them, what it takes besides the steps
    findings: whether there is room
    notes: what else a person should know
    """

    data: str
    files: int | None
    files_before: int | None
    steps: Sequence[PlannedStep]
    seconds: float | None
    seconds_around: float | None
    findings: Sequence[Finding]
    notes: Sequence[str] = ()

    @property
    def is_possible(self) -> bool:
        """Whether there is room for a run."""
        return not any(finding.state == "fail" for finding in self.findings)


def make(question: Question, root: Path) -> Plan:
    """Tell what a run would do.

    Args:
      question: what it would be asked.
      root: the work directory; it need not be there.

    Raises:
      FrostlineError: a run would refuse to begin.
    """
    place, config = WorkDir(root.resolve()), question.config
    workdir.check_free(place.root)
    data = question.data or str(place.sample_data)
    is_drawn = question.data is None and not place.sample_data.exists()
    listing = Listing(()) if is_drawn else preflight.check_data(data, question.span)
    preflight.check_schema(config, place)
    found = _weights(config)
    runs = run_summaries.past_runs(place) if place.root.is_dir() else []
    with chatter.diverted(Path(os.devnull)), mirror.mirrored(place) as scratch:
        outlooks = _outlooks(question, data, listing, found, scratch)
    files = None if is_drawn else listing.count()
    steps = [_step(outlook, runs, files) for outlook in outlooks]
    around = past_seconds.around_steps(runs)
    notes = [found.warning, "the sample's pictures are drawn first" if is_drawn else None]
    return Plan(
        data=data,
        files=files,
        files_before=_files_before(runs),
        steps=steps,
        seconds=_seconds(steps, around),
        seconds_around=around,
        findings=list(_room(config, listing, place, steps)),
        notes=[note for note in notes if note],
    )


def _weights(config: Config) -> Weights:
    """As a run finds them, but nothing is downloaded."""
    setting = config.model.weights
    if setting != weights.RANDOM:
        path, is_cache = run_checks.weights_file(setting, os.environ)
        if is_cache and not path.exists():
            otherwise = ", and takes RANDOM ones if it cannot" if config.push.untrained else ""
            size = f"{weights.INCEPTION_V3.size_bytes / 1e6:.0f} MB"
            warning = f"the run first downloads the base's weights, {size}, to {path}{otherwise}"
            return Weights(path, "not downloaded yet", warning)
    return preflight.check_weights(config)


def _outlooks(
    question: Question, data: str, listing: Listing, found: Weights, scratch: "Scratch"
) -> list[Outlook]:
    # Seconds of imports, which no wrong argument should wait for.
    from pipeline import cache_forecast, planned_pipeline, results

    pipeline = planned_pipeline.build(question, data, listing, found, scratch)
    gone = results.remains(scratch) | results.refusals(scratch)
    return cache_forecast.ask(pipeline, scratch.metadata, gone=gone)


def _step(outlook: Outlook, runs: Sequence[PastRun], files: int | None) -> PlannedStep:
    if outlook.is_cached:
        return PlannedStep(outlook.step, "cached")
    reasons = cached_steps.reasons(outlook)
    is_alike = not any(reason.setting for reason in reasons)
    estimate = past_seconds.of_step(outlook.step, runs, files=files, is_alike=is_alike)
    return PlannedStep(outlook.step, "runs", reasons, estimate)


def _seconds(steps: Sequence[PlannedStep], around: float | None) -> float | None:
    estimates = [step.estimate for step in steps if step.state == "runs"]
    known = [estimate.seconds for estimate in estimates if estimate]
    return None if around is None or len(known) < len(estimates) else around + sum(known)


def _files_before(runs: Sequence[PastRun]) -> int | None:
    found = (run.number("data", "read") for run in runs)
    return next((int(read) for read in found if read is not None), None)


def _room(
    config: Config, listing: Listing, place: WorkDir, steps: Sequence[PlannedStep]
) -> Iterator[Finding]:
    yield run_checks.disk(config, listing, place.root)
    if any(step.name == FROZEN_FEATURES and step.state == "runs" for step in steps):
        yield run_checks.features(config, listing)
