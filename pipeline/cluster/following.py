"""What becomes of a run on the cluster: its state, its steps, and Frostline's own verdict."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.attempt import EXIT_CODES
from pipeline.cluster.connection import ClusterError, Connection
from pipeline.summary import FILE
from pipeline.workdir import WorkDir

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
CANCELED = "CANCELED"
# kfp's own client waits for ever for a run that somebody has stopped.
_OVER = {SUCCEEDED, FAILED, CANCELED, "SKIPPED"}
# What KFP sets beside the steps: drivers, the executor inside each step, and the DAGs around them.
_NOT_A_STEP = re.compile(r"root|tfx-dag|executor|.*-driver|.*\(\d+\)|entrypoint.*")
_STOPS: Mapping[str, int] = {
    "datagate": EXIT_CODES["refused"],
    "servinggate": EXIT_CODES["not_servable"],
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a run has come.

    Attributes:
      state: as KFP names it: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, ...
      steps: step -> its state, in the order in which they began.
      error: what KFP says of a failure; empty where it says nothing.
      page: where the user interface shows it.
    """

    run_id: str
    name: str
    state: str
    steps: Mapping[str, str]
    error: str
    page: str

    @property
    def is_over(self) -> bool:
        """Nothing more will come of it."""
        return self.state in _OVER

    @property
    def failed_steps(self) -> list[str]:
        """The steps that failed, the first to begin first."""
        return [name for name, state in self.steps.items() if state == FAILED]


def standing(connection: Connection, run_id: str) -> Standing:
    """Ask once.

    Raises:
        ClusterError: there is no such run, or Kubeflow Pipelines refuses or does not answer.
    """
    purpose = f"tell of the run {run_id}"
    run = connection.ask(purpose, lambda: connection.client.get_run(run_id))
    if not run.run_id:
        raise connection.misunderstood(purpose)
    return Standing(
        run_id=run.run_id,
        name=run.display_name or "",
        state=run.state or "PENDING",
        steps=_steps(run),
        error=run.error.message or "" if run.error else "",
        page=connection.endpoint.run_page(run.run_id),
    )


def wait(
    connection: Connection,
    run_id: str,
    *,
    told: Callable[[Standing], None],
    poll_seconds: float,
    limit_seconds: float | None = None,
    patience_seconds: float = 300.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Standing:
    """Ask until the run is over, or the limit has passed; what was answered last.

    A server that fails is asked again: a run takes hours, and a server's restart takes minutes.

    Args:
      told: is given every answer.
      patience_seconds: how long the server may fail.

    Raises:
        ClusterError: there is no such run, or the server failed for too long.
    """
    began = answered = clock()
    while True:
        try:
            found = standing(connection, run_id)
            answered = clock()
            told(found)
            if found.is_over or (limit_seconds is not None and answered - began >= limit_seconds):
                return found
        except ClusterError as error:
            if not error.may_pass or clock() - answered >= patience_seconds:
                raise
        sleep(poll_seconds)


def exit_code(found: Standing, state: Path | None = None) -> int:
    """Frostline's exit code for a run that is over.

    Args:
      state: where the volume of `kubeflow.state` is mounted here. Its summary tells whether the
        model was pushed; without it, a run that succeeded is taken for one that pushed.
    """
    told = _summary_code(WorkDir(state), found.run_id) if state else None
    if told is not None:
        return told
    if found.state == SUCCEEDED:
        return EXIT_CODES["pushed"]
    if found.state == CANCELED:
        return EXIT_CODES["interrupted"]
    codes = [_STOPS.get(_plain(name)) for name in found.failed_steps]
    return next((code for code in codes if code), EXIT_CODES["failed"])


def _steps(run: Any) -> Mapping[str, str]:
    details = run.run_details.task_details or [] if run.run_details else []
    ours = [one for one in details if not _NOT_A_STEP.fullmatch(one.display_name or "root")]
    # Those that have not begun come last.
    ours.sort(key=lambda one: (one.start_time is None, str(one.start_time)))
    return {one.display_name: one.state or "PENDING" for one in ours}


def _summary_code(state: WorkDir, run_id: str) -> int | None:
    """The exit code in the run's summary, in the folder that its pods have made."""
    try:
        (path,) = state.runs.glob(f"*-{run_id[:8]}/{FILE}")
        return int(json.loads(path.read_text(encoding="utf-8"))["exit_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plain(step: str) -> str:
    return re.sub(r"[^a-z0-9]", "", step.lower())
