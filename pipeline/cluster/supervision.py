"""Runs a step and tells how it went: to a person on stderr, to Kubeflow by the exit code, and to
the summary by a record."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.attempt import EXIT_CODES
from pipeline.cluster import records
from pipeline.cluster.records import Output, StepRecord
from pipeline.cluster.task import PREPARE, Done, Task
from pipeline.workdir import WorkDir
from trainer.errors import DataRefusedError, FrostlineError, WorkDirError

_USAGE = 2
_STOPPED = 143  # as a shell tells of SIGTERM
_LINES = 20


def supervise(task: Task, work: Callable[[], Done]) -> int:
    """Do the work of a step; returns the exit code of its process."""
    began = time.monotonic()
    record = StepRecord(task.step, "running", datetime.now(UTC).isoformat(), key=task.key)
    run: Path | None = None
    try:
        run = _begin(task, record)
        done = work()
        record = _ended(record, done)
        _keep(run, task.step, done)
    except BaseException as error:
        record = _failed(record, error)
        _tell(record, error)
    record = replace(record, seconds=round(time.monotonic() - began, 2))
    if run:
        records.write(run, record)
    return record.exit_code


def _begin(task: Task, record: StepRecord) -> Path | None:
    if task.state is None:
        return None
    try:
        run = records.folder_of(WorkDir(task.state), task.run, is_first=task.step == PREPARE)
        records.write(run, record)
    except OSError as error:
        raise WorkDirError(
            f"the state {task.state} cannot be written by this pod, user {os.getuid()} "
            f"({error.strerror}): mount a volume there that this user may write "
            "(kubeflow.volumes, securityContext.fsGroup)"
        ) from None
    return run


def _keep(run: Path | None, step: str, done: Done) -> None:
    if run is None:
        return
    for name, made in done.outputs.items():
        if records.is_kept(made.type_name):
            records.keep(made.path, records.folder(run, step) / name, type_name=made.type_name)


def _ended(record: StepRecord, done: Done) -> StepRecord:
    outputs = {
        name: Output(made.type_name, made.properties)
        for name, made in done.outputs.items()
        if records.is_kept(made.type_name)
    }
    return replace(
        record, state="ran", made_from=done.made_from, values=done.values, outputs=outputs
    )


def _failed(record: StepRecord, error: BaseException) -> StepRecord:
    message = str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        message = "the pod was stopped from outside"
    return replace(
        record,
        state="failed",
        exit_code=_exit_code(error),
        error={"type": type(error).__name__, "message": message},
        lines="".join(traceback.format_exception(error)).splitlines()[-_LINES:],
    )


def _exit_code(error: BaseException) -> int:
    match error:
        case DataRefusedError():
            return EXIT_CODES["refused"]
        case FrostlineError():
            return _USAGE
        case KeyboardInterrupt():
            return _STOPPED
        case SystemExit(code=int(code)):
            return code
    return EXIT_CODES["failed"]


def _tell(record: StepRecord, error: BaseException) -> None:
    """A sentence where a person can mend it, and where one must look into it, the traceback."""
    if not isinstance(error, FrostlineError | KeyboardInterrupt | SystemExit):
        traceback.print_exception(error)
    message = (record.error or {})["message"]
    sys.stderr.write(f"frostline: {record.step}: {message}\n")
