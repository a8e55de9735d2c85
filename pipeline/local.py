"""The local run: the graph on TFX's LocalDagRunner, watched, judged and summed up."""

import errno
import logging
import os
import shutil
import signal
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import (
    beam_workers,
    chatter,
    closing,
    display,
    preflight,
    sample_data,
    summary,
    workdir,
)
from pipeline.config import Config
from pipeline.display import Display
from pipeline.preflight import Weights
from pipeline.steps import RUNNER_LOGGER, Step, StepLog
from pipeline.summary import Failure, Status, Summary
from pipeline.verdict import Gate, judge, weights_gate
from pipeline.workdir import WorkDir
from trainer import progress
from trainer.errors import FrostlineError, WorkDirError

LOG = "run.log"
KEPT = ("history.json", "curves.png", "model.txt")
EXIT_CODES: Mapping[Status, int] = {
    "pushed": 0,
    "failed": 1,
    "not_blessed": 3,
    "not_pushed": 3,
    "interrupted": 130,
}
_LOGGER = logging.getLogger(__name__)
_USAGE = 2
_FREE_BYTES = 1_000_000_000
_FREE_BYTES_AN_IMAGE = 1_000_000


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    data_dir: the folder of images; None makes the embedded sample
    command: the words of the command line
    """

    config: Config
    preset: str
    data_dir: Path | None
    command: Sequence[str]
    weights: Weights
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Attempt:
    """How far a run has come; filled in on the way, so that a failed run is summed up too."""

    status: Status = "failed"
    exit_code: int = EXIT_CODES["failed"]
    data_dir: Path | None = None
    steps: Sequence[Step] = ()
    failed_step: str | None = None
    error: Failure | None = None

    @property
    def began(self) -> bool:
        """Whether any step has started."""
        return any(step.seconds or step.state == "running" for step in self.steps)

    def end(self, status: Status, error: BaseException | None = None) -> None:
        """Note how it ended."""
        self.status = status
        usage = isinstance(error, FrostlineError)
        self.exit_code = _USAGE if usage else EXIT_CODES[status]
        if error is not None:
            message = str(error) or type(error).__name__
            self.error = Failure(self.failed_step, type(error).__name__, message)


def run(
    *, config: Config, data_dir: Path | None, work_dir: Path, preset: str, command: Sequence[str]
) -> int:
    """Take a folder of images to a pushed model; returns the exit code.

    Raises:
      FrostlineError: the data folder, the weights or the work directory is not fit for a run.
    """
    files = preflight.check_data(data_dir)
    request = Request(config, preset, data_dir, command, preflight.check_weights(config))
    free_bytes = _FREE_BYTES + _FREE_BYTES_AN_IMAGE * len(files)
    with workdir.opened(work_dir.resolve(), free_bytes=free_bytes) as place:
        return _run_in(place, request)


def _run_in(place: WorkDir, request: Request) -> int:
    run_dir = place.new_run()
    with chatter.diverted(run_dir / LOG) as person, _terminated_like_ctrl_c():
        person.write(closing.opening(run_dir / LOG))
        person.flush()
        screen = display.choose(person)
        attempt = _attempt(place, request, screen)
        screen.close()
        try:
            result = _sum_up(place, run_dir, request, attempt)
            summary.write(run_dir, result)
            place.point_latest_at(run_dir)
        except Exception as error:
            raise _full_disk(place, error) or error from None
        person.write(closing.text(result, place.root))
    return result.exit_code


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """A scheduler's SIGTERM ends a run as Ctrl-C does: summed up, and nothing half-written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _attempt(place: WorkDir, request: Request, screen: Display) -> Attempt:
    attempt = Attempt()
    try:
        _execute(place, request, screen, attempt)
        attempt.end(_status(place))
    except KeyboardInterrupt as interrupt:
        attempt.end("interrupted", interrupt)
    except FrostlineError as error:
        attempt.end("failed", error)
    except Exception as error:
        # Whatever it is, the run is summed up; the traceback is in the log.
        _LOGGER.exception("the run failed")
        attempt.end("failed", _full_disk(place, error) or error)
    return attempt


def _execute(place: WorkDir, request: Request, screen: Display, attempt: Attempt) -> None:
    if request.weights.warning:
        screen.note(f"WARNING: {request.weights.warning}")
    # Seconds of imports, which no other command should wait for; nor should a wrong layer.
    from trainer import backbone

    model = request.config.model
    backbone.check(request.weights.path, cut=model.cut, thaw_from=model.thaw_from)

    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline import graph, results, sources

    results.sweep(place)
    attempt.data_dir = request.data_dir or _sample(place)
    config = request.config
    found = sources.gather(attempt.data_dir, request.weights)
    push_request = results.push_request(
        place, model_name=config.push.model_name, made_from=sources.model_digest(config, found)
    )
    pipeline = graph.create_pipeline(config, found, place, push_request=push_request)
    log = StepLog([step.id for step in pipeline.components], screen)
    attempt.steps = log.steps
    screen.start([step.name for step in log.steps])
    with _watched(log, screen), beam_workers.prepared():
        try:
            LocalDagRunner().run(pipeline)
        except BaseException:
            attempt.failed_step = log.stop()
            results.sweep(place)
            raise


def _watched(log: StepLog, screen: Display) -> AbstractContextManager[None]:
    watchers = {RUNNER_LOGGER: log, progress.LOGGER.name: display.ProgressHandler(screen)}
    return chatter.logged(watchers)


def _sample(place: WorkDir) -> Path:
    sample_data.write(place.sample_data)
    return place.sample_data


def _status(place: WorkDir) -> Status:
    from pipeline.results import Results

    results = Results(place)
    if not results.is_blessed():
        return "not_blessed"
    return "pushed" if results.pushed() else "not_pushed"


def _full_disk(place: WorkDir, error: Exception) -> WorkDirError | None:
    # What comes out at the end may be sqlite's complaint about the note of the failure.
    told = "".join(traceback.format_exception(error))
    if os.strerror(errno.ENOSPC) not in told and "disk is full" not in told:
        return None
    return WorkDirError(
        f"{place.root} has no space left: make room, or choose another --work-dir; then run the "
        "same command again, which goes on after the last finished step"
    )


def _sum_up(place: WorkDir, run_dir: Path, request: Request, attempt: Attempt) -> Summary:
    found = _found(place, run_dir, request) if attempt.began else {}
    data = {"path": str(attempt.data_dir or request.data_dir), **found.pop("data", {})}
    return Summary(
        run_id=run_dir.name,
        status=attempt.status,
        exit_code=attempt.exit_code,
        started=request.started.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - request.started).total_seconds(), 2),
        command=request.command,
        preset=request.preset,
        config=request.config.model_dump(mode="json"),
        model=_model(request.weights),
        data=data,
        log=str(run_dir / LOG),
        steps=attempt.steps,
        error=attempt.error,
        **found,
    )


def _found(place: WorkDir, run_dir: Path, request: Request) -> dict[str, Any]:
    from pipeline.results import Results

    results = Results(place)
    counts, evaluation = results.counts(), results.evaluation()
    if model_run := results.model_run():
        for name in KEPT:
            shutil.copy(model_run / name, run_dir)
    return {
        "data": asdict(counts) if counts else {},
        "training": results.training(),
        "evaluation": evaluation,
        "evaluation_by_class": results.evaluation_by_class(),
        "gates": _gates(request, evaluation) if evaluation else (),
        "pushed": results.pushed(),
    }


def _gates(request: Request, evaluation: Mapping[str, float]) -> list[Gate]:
    is_trained = request.weights.path is not None
    return [*judge(request.config, evaluation), weights_gate(request.config, is_trained=is_trained)]


def _model(weights: Weights) -> dict[str, Any]:
    return {
        "weights": str(weights.path) if weights.path else weights.sha256,
        "weights_sha256": weights.sha256 if weights.path else None,
        "untrained": weights.path is None,
    }
