"""The state and the time of each step of a run, told by what TFX's runner logs."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

StepState = Literal["waiting", "running", "ran", "cached", "failed", "skipped"]

# The logger and the messages of tfx/orchestration/local/local_dag_runner.py and
# tfx/orchestration/portable/launcher.py; an end-to-end test notices when they change.
RUNNER_LOGGER = "absl"
_STARTED = "Component %s is running."
_FINISHED = "Component %s is finished."
_CACHED = "A cached execution %d is used."


@dataclass
class Step:
    """One step of a run.

    seconds: wall time
    upstream: names of the steps that must be done before it
    """

    name: str
    state: StepState = "waiting"
    seconds: float = 0.0
    upstream: Sequence[str] = ()


class StepListener(Protocol):
    """Who wants to know when a step starts and ends."""

    def step_started(self, name: str) -> None: ...

    def step_finished(self, name: str, state: StepState) -> None: ...


class StepLog(logging.Handler):
    """Keeps the steps of a run, fed by the log of TFX's runner."""

    def __init__(
        self,
        steps: Sequence[Step],
        listener: StepListener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.steps = [*steps]
        self._listener = listener
        self._clock = clock
        self._current: Step | None = None
        self._is_cached = False
        self._started = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Take note where the record is about a step."""
        if record.msg == _STARTED and isinstance(record.args, tuple):
            self._start(str(record.args[0]))
        elif record.msg == _CACHED:
            self._is_cached = True
        elif record.msg == _FINISHED:
            self._finish("cached" if self._is_cached else "ran")

    def stop(self) -> str | None:
        """Note that the run has ended early: the running step failed, later ones are skipped.

        Returns:
          the name of the step that failed, if one was running.
        """
        failed = self._current
        self._finish("failed")
        for step in self.steps:
            if step.state == "waiting":
                step.state = "skipped"
                self._listener.step_finished(step.name, "skipped")
        return failed.name if failed else None

    def _start(self, name: str) -> None:
        self._current = next(step for step in self.steps if step.name == name)
        self._current.state = "running"
        self._is_cached = False
        self._started = self._clock()
        self._listener.step_started(name)

    def _finish(self, state: StepState) -> None:
        if self._current is None:
            return
        self._current.state = state
        self._current.seconds = round(self._clock() - self._started, 2)
        self._listener.step_finished(self._current.name, state)
        self._current = None
