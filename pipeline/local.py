"""The local run: the graph on TFX's LocalDagRunner, watched, judged and summed up."""

import errno
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import (
    account,
    beam_workers,
    chatter,
    closing,
    display,
    imports,
    preflight,
    sample_data,
    summary,
    workdir,
)
from pipeline.attempt import EXIT_CODES, Attempt, Request
from pipeline.config import Config
from pipeline.display import Detail, Display
from pipeline.report import evidence, page
from pipeline.report.evidence import Evidence
from pipeline.steps import RUNNER_LOGGER, Step, StepLog
from pipeline.summary import Status, Summary
from pipeline.workdir import WorkDir
from trainer import progress
from trainer.errors import DataRefusedError, FrostlineError, WorkDirError

if TYPE_CHECKING:
    from tfx import v1 as tfx
    from tfx.dsl.components.base.base_node import BaseNode

_LAST_LINES = 8
_LOGGER = logging.getLogger(__name__)


def run(
    *,
    config: Config,
    data: str | None,
    span: str | None,
    work_dir: Path,
    preset: str,
    command: Sequence[str],
    accept_reason: str | None = None,
    force_bless: str | None = None,
    until_tuned: bool = False,
    is_json: bool = False,
    detail: Detail = "normal",
) -> int:
    """Take a data set to a pushed model; returns the exit code.

    Args:
      accept_reason: why the data are accepted in spite of failed checks.
      force_bless: why the model is blessed in spite of failed checks.
      until_tuned: end after the Tuner.
      is_json: print the summary as JSON, and nothing else.
      detail: `quiet` shows warnings and how it ended, `verbose` the log as well.

    Raises:
      FrostlineError: the data set, the schema, the weights or the work directory is not fit for
        a run.
    """
    listing = preflight.check_data(data, span)
    preflight.check_schema(config, WorkDir(work_dir))
    preflight.check_server(config)
    weights = preflight.check_weights(config)
    request = Request(
        config,
        preset,
        data,
        listing,
        command,
        weights,
        accept_reason=accept_reason,
        force_bless=force_bless,
        until_tuned=until_tuned,
    )
    free_bytes = preflight.free_bytes(config, listing, WorkDir(work_dir))
    with workdir.opened(work_dir.resolve(), free_bytes=free_bytes) as place:
        return _run_in(place, request, is_json=is_json, detail=detail)


def _run_in(place: WorkDir, request: Request, *, is_json: bool, detail: Detail) -> int:
    run_dir = place.new_run()
    # The ServingGate's process needs room on a GPU, too; TensorFlow would take all there is.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with chatter.diverted(run_dir / account.LOG) as stream, _terminated_like_ctrl_c():
        # A script reads JSON, and nobody the rest.
        person = io.StringIO() if is_json else stream
        if detail != "quiet":
            person.write(closing.opening(run_dir / account.LOG))
            person.flush()
        screen = display.choose(person, detail)
        with chatter.copied(person) if detail == "verbose" else nullcontext():
            attempt = _attempt(place, request, screen)
        screen.close()
        try:
            result = account.sum_up(place, run_dir, request, attempt)
            written = summary.write(run_dir, result)
            place.point_latest_at(run_dir)
        except Exception as error:
            raise _full_disk(place, error) or error from None
        has_report = _report(place, run_dir, result, attempt)
        last = closing.text(
            result, place.root, has_report=has_report, log=_end_of_log(run_dir, attempt)
        )
        stream.write(written.read_text() if is_json else last)
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
        attempt.end("tuned" if request.until_tuned else _status(place))
    except KeyboardInterrupt as interrupt:
        attempt.end("interrupted", interrupt)
    except DataRefusedError as error:
        attempt.end("refused", error)
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
    with imports.unhindered():
        from trainer import backbone

    model = request.config.model
    backbone.check(
        request.weights.path,
        cut=model.cut,
        thaw_from=model.thaw_from,
        is_cached=request.config.train.base == "cached",
    )
    with imports.unhindered():
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner

        from pipeline import graph, results  # noqa: F401  the graph is made further down

    results.sweep(place)
    results.forget_refusals(place)
    pipeline = _pipeline(place, request, attempt)
    log = StepLog([_step(each) for each in pipeline.components], screen)
    attempt.steps = log.steps
    screen.start([step.name for step in log.steps])
    with _watched(log, screen), beam_workers.prepared(workers=request.config.beam.workers):
        try:
            LocalDagRunner().run(pipeline)
        except BaseException:
            attempt.failed_step = log.stop()
            results.sweep(place)
            raise


def _pipeline(place: WorkDir, request: Request, attempt: Attempt) -> "tfx.dsl.Pipeline":
    from pipeline import graph, groundwork

    config = request.config
    attempt.data = request.data or _sample(place)
    listing = request.listing if request.data else preflight.check_data(attempt.data, None)
    attempt.listing = listing
    laid = groundwork.lay(
        config,
        place,
        data=attempt.data,
        listing=listing,
        weights=request.weights,
        accept_reason=request.accept_reason,
        force_bless=request.force_bless,
    )
    return graph.create_pipeline(
        config,
        laid.sources,
        place,
        judging=laid.judging,
        push_request=laid.push_request,
        until_tuned=request.until_tuned,
    )


def _step(node: "BaseNode") -> Step:
    return Step(node.id, upstream=sorted(each.id for each in node.upstream_nodes))


def _report(place: WorkDir, run_dir: Path, result: Summary, attempt: Attempt) -> bool:
    """Draw report.html; a run is not worse for a page that could not be drawn."""
    try:
        found = evidence.gather(place, result, attempt.listing) if attempt.began else Evidence()
        page.write(run_dir / closing.REPORT, result, found, place.root)
    except Exception:
        _LOGGER.exception("report.html could not be drawn")
        return False
    return True


def _end_of_log(run_dir: Path, attempt: Attempt) -> list[str]:
    """What a person need not open the log for; an error that can be mended tells all by itself."""
    if attempt.failed_step is None or attempt.exit_code != EXIT_CODES["failed"]:
        return []
    sys.stderr.flush()
    return chatter.last_lines(run_dir / account.LOG, count=_LAST_LINES)


def _watched(log: StepLog, screen: Display) -> AbstractContextManager[None]:
    watchers = {RUNNER_LOGGER: log, progress.LOGGER.name: display.ProgressHandler(screen)}
    return chatter.logged(watchers)


def _sample(place: WorkDir) -> str:
    sample_data.write(place.sample_data)
    return str(place.sample_data)


def _status(place: WorkDir) -> Status:
    from pipeline.results import Results

    return Results(place).status()


def _full_disk(place: WorkDir, error: Exception) -> WorkDirError | None:
    # What comes out at the end may be sqlite's complaint about the note of the failure.
    told = "".join(traceback.format_exception(error))
    if os.strerror(errno.ENOSPC) not in told and "disk is full" not in told:
        return None
    return WorkDirError(
        f"{place.root} has no space left: make room, or choose another --work-dir; then run the "
        "same command again, which goes on after the last finished step"
    )
