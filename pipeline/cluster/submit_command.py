"""The commands of kubeflow/submit.py: run, schedule, status and wait."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.cluster import connection, following, runtime_parameters, submission, submit_arguments
from pipeline.cluster.connection import Connection
from pipeline.cluster.following import Standing
from pipeline.cluster.submission import Job, Schedule
from trainer.errors import FrostlineError

USAGE = 2
STILL_RUNNING = 124  # What timeout(1) answers.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = submit_arguments.parser().parse_args(argv)
    try:
        return _COMMANDS[options.command](options)
    except FrostlineError as error:
        sys.stderr.write(f"submit.py: error: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    job = _job(options, name=options.name or f"{options.file.stem}-{started}")
    server = _connected(options)
    run_id = submission.run(server, job)
    found = {"run_id": run_id, "name": job.name, "page": server.endpoint.run_page(run_id)}
    if not options.wait:
        next_one = f"next    python kubeflow/submit.py wait {run_id}"
        _tell(options, found, [*_pairs(found), next_one])
        return 0
    if not options.json:
        _tell(options, found, _pairs(found))
    return _follow(server, run_id, options)


def _schedule(options: argparse.Namespace) -> int:
    when = Schedule(
        cron=submission.cron(options.cron) if options.cron else None,
        interval_seconds=submission.seconds(options.every) if options.every else None,
        catches_up=options.catch_up,
    )
    job = _job(options, name=options.name)
    server = _connected(options)
    schedule_id = submission.schedule(server, job, when, replaces=options.replace)
    found = {
        "schedule_id": schedule_id,
        "name": job.name,
        "when": when.cron or f"every {when.interval_seconds} s",
        "page": server.endpoint.schedule_page(schedule_id),
    }
    _tell(options, found, _pairs(found))
    return 0


def _status(options: argparse.Namespace) -> int:
    found = following.standing(_connected(options), options.run)
    _tell(options, asdict(found), _lines(found))
    return 0


def _wait(options: argparse.Namespace) -> int:
    return _follow(_connected(options), options.run, options)


def _follow(server: Connection, run_id: str, options: argparse.Namespace) -> int:
    """Wait for a run; Frostline's exit code for what came of it."""
    limit = options.limit
    progress = _Progress()
    found = following.wait(
        server,
        run_id,
        told=(lambda answer: None) if options.json else progress.tell,
        poll_seconds=submission.seconds(options.poll),
        limit_seconds=submission.seconds(limit) if limit else None,
        sleep=time.sleep,
    )
    code = following.exit_code(found, options.state) if found.is_over else STILL_RUNNING
    _tell(options, {**asdict(found), "exit_code": code}, _ending(found))
    return code


class _Progress:
    """Prints what has changed since the last answer."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def tell(self, found: Standing) -> None:
        for name, state in found.steps.items():
            if self._told.get(name) != state:
                sys.stdout.write(f"{name}: {state.lower()}\n")
        sys.stdout.flush()
        self._told.update(found.steps)


def _job(options: argparse.Namespace, *, name: str) -> Job:
    return Job(
        file=options.file,
        name=name,
        experiment=options.experiment,
        parameters=runtime_parameters.values(options.file, options.parameters),
        is_cached=not options.no_cache,
        root=options.root,
        service_account=options.service_account,
    )


def _connected(options: argparse.Namespace) -> Connection:
    return Connection(
        connection.endpoint(
            url=options.endpoint,
            namespace=options.namespace,
            token_file=options.token_file,
            ca_file=options.ca_file,
            timeout_seconds=submission.seconds(options.timeout),
        )
    )


def _lines(found: Standing) -> Iterator[str]:
    yield f"{found.state.lower()}  {found.name} ({found.run_id})"
    for step, state in found.steps.items():
        yield f"  {step}: {state.lower()}"
    yield from _why(found)


def _ending(found: Standing) -> Iterator[str]:
    yield f"{found.state}  {found.name} ({found.run_id})"
    yield from _why(found)


def _why(found: Standing) -> Iterator[str]:
    if found.failed_steps:
        yield f"  failed: {', '.join(found.failed_steps)}"
    if found.error:
        yield f"  {found.error}"
    yield f"  {found.page}"


def _pairs(found: Mapping[str, Any]) -> list[str]:
    width = max(map(len, found))
    return [f"{name:{width}}  {value}" for name, value in found.items()]


def _tell(options: argparse.Namespace, found: Mapping[str, Any], lines: Any) -> None:
    text = json.dumps(found, indent=2) if options.json else "\n".join(lines)
    sys.stdout.write(f"{text}\n")


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "schedule": _schedule,
    "status": _status,
    "wait": _wait,
}
