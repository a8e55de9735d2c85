"""What is known of a run while it goes on: its steps, how far and how fast they come along."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.steps import StepState
from trainer.progress import Progress

Clock = Callable[[], float]
"""Seconds from any fixed moment; never goes back."""

_SEPARATOR = " · "


@dataclass(frozen=True)
class Pace:
    """Progress between two moments of one stretch of work."""

    first: Progress
    first_at: float
    last: Progress
    last_at: float

    def after(self, progress: Progress, now: float) -> "Pace":
        """The pace with one more report; another kind of work starts a new stretch."""
        same_work = (progress.unit, progress.total) == (self.last.unit, self.last.total)
        if same_work and progress.done >= self.last.done:
            return replace(self, last=progress, last_at=now)
        return Pace(progress, now, progress, now)

    def text(self) -> str:
        """As in `1,240/3,000 images · 310/s · 0:06 left`."""
        of_total = "" if self.last.total is None else f"/{self.last.total:,}"
        parts = [f"{self.last.done:,}{of_total} {self.last.unit}"]
        seconds = self.last_at - self.first_at
        rate = (self.last.done - self.first.done) / seconds if seconds > 0 else 0.0
        if rate > 0:
            parts.append(f"{_rate(rate)}/s")
            left = (self.last.total or 0) - self.last.done
            if left > 0:
                parts.append(f"{clock_face(left / rate)} left")
        return _SEPARATOR.join(parts)


@dataclass(frozen=True)
class Step:
    """One step of the pipeline, as it is known now."""

    name: str
    state: StepState = "waiting"
    started_at: float | None = None
    seconds: float | None = None
    pace: Pace | None = None

    @property
    def remark(self) -> str:
        return self.pace.last.remark if self.pace else ""

    def outcome(self) -> str:
        """What is left to say of a step that has ended."""
        if self.remark or self.pace is None:
            return self.remark
        return f"{self.pace.last.done:,} {self.pace.last.unit}"

    def spent(self, now: float) -> str:
        """How long the step took or has been running, or the state that explains why not."""
        if self.state in ("cached", "skipped"):
            return self.state
        if self.state == "running" and self.started_at is not None:
            return clock_face(now - self.started_at)
        return "" if self.seconds is None else duration(self.seconds)


class Board:
    """The steps of a run, in order; every reader gets a consistent copy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps: dict[str, Step] = {}
        self._lock = threading.Lock()

    def steps(self) -> list[Step]:
        with self._lock:
            return list(self._steps.values())

    def announce(self, names: Sequence[str]) -> None:
        with self._lock:
            self._steps = {name: Step(name) for name in names}

    def begin(self, name: str) -> None:
        with self._lock:
            self._steps[name] = Step(name, "running", started_at=self._clock())

    def advance(self, progress: Progress) -> Step | None:
        """The running step after a report; None where no step runs."""
        with self._lock:
            running = [step for step in self._steps.values() if step.state == "running"]
            if not running:
                return None
            now = self._clock()
            pace = running[-1].pace or Pace(progress, now, progress, now)
            step = replace(running[-1], pace=pace.after(progress, now))
            self._steps[step.name] = step
            return step

    def end(self, name: str, state: StepState) -> Step:
        with self._lock:
            step = self._steps.get(name) or Step(name)
            seconds = None if step.started_at is None else self._clock() - step.started_at
            self._steps[name] = replace(step, state=state, seconds=seconds)
            return self._steps[name]

    def place(self, name: str) -> str:
        """As in `3/9`."""
        with self._lock:
            return f"{list(self._steps).index(name) + 1}/{len(self._steps)}"


def joined(*parts: str) -> str:
    """The parts that say something, in one line."""
    return _SEPARATOR.join(part for part in parts if part)


def _rate(rate: float) -> str:
    if rate >= 10:
        return f"{rate:,.0f}"
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"


def duration(seconds: float) -> str:
    """As in `12.3 s`, and from a minute on `2:03`."""
    return f"{seconds:.1f} s" if seconds < 60 else clock_face(seconds)


def clock_face(seconds: float) -> str:
    """As in `0:06`, `12:30` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
