"""Handing a compiled pipeline to Kubeflow Pipelines: once, or again and again."""

import copy
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipeline.cluster import documents
from pipeline.cluster.connection import Connection
from pipeline.cluster.documents import Documents
from trainer.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_UNIX_CRON_FIELDS, _CRON_FIELDS = 5, 6
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to run.

    Attributes:
      file: the compiled pipeline, with its document for Kubernetes.
      experiment: made where there is none of this name.
      parameters: runtime parameter -> value; the others keep their defaults.
      is_cached: False has every step run; True keeps to what was compiled, since some steps must
        never be taken from the cache.
      root: where artifacts go, instead of where the file says.
      service_account: the pods' own.
    """

    file: Path
    name: str
    experiment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_cached: bool = True
    root: str | None = None
    service_account: str | None = None

    def options(self, experiment_id: str, file: Path) -> dict[str, Any]:
        """The job as kfp's client takes it, but for what it would do to the cache.

        `enable_caching` reaches the outermost tasks only, and Frostline's are in a DAG of their
        own; True would reach ingestion and push.
        """
        return {
            "experiment_id": experiment_id,
            "job_name": self.name,
            "pipeline_package_path": str(file),
            "params": dict(self.parameters),
            "pipeline_root": self.root,
            "service_account": self.service_account,
        }

    @contextmanager
    def sent_file(self) -> Iterator[Path]:
        """The file to be sent: itself, or a copy that caches nothing."""
        if self.is_cached:
            yield self.file
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pipeline.yaml")
            path.write_text(documents.text(_uncached(documents.read(self.file))), encoding="utf-8")
            yield path


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a job runs: by cron, or every so many seconds; one of them is None.

    Attributes:
      catches_up: runs that were missed, while the schedule was paused, are made up for.
    """

    cron: str | None = None
    interval_seconds: int | None = None
    catches_up: bool = False


def seconds(text: str) -> int:
    """The seconds of "90s", "15m", "6h", "1d" or "1w".

    Raises:
        ConfigError: it is none of these.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not found or int(found[1]) == 0:
        raise ConfigError(f'"{text}" should be a number and a unit, as in 90s, 15m, 6h, 1d or 1w')
    return int(timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds())


def cron(text: str) -> str:
    """A cron expression with seconds, as Kubeflow wants it.

    It would take the five fields of Unix for seconds, minutes, hours, day and month, and run a
    nightly job every hour: those get a second of 0 in front.

    Raises:
        ConfigError: there are neither five nor six fields.
    """
    fields = text.split()
    if text.startswith("@") and len(fields) in (1, 2):
        return text
    if len(fields) == _UNIX_CRON_FIELDS:
        return " ".join(["0", *fields])
    if len(fields) == _CRON_FIELDS:
        return " ".join(fields)
    raise ConfigError(
        f'--cron "{text}" has {len(fields)} fields; it should have five, as in "0 2 * * *" (two '
        "at night), or six with the second in front"
    )


def run(connection: Connection, job: Job) -> str:
    """Start a job; the run's id.

    Raises:
        ClusterError: Kubeflow Pipelines refuses, or does not answer.
    """
    purpose = "create the run"
    experiment_id = _experiment(connection, job.experiment)
    with job.sent_file() as file:
        options = job.options(experiment_id, file)
        made = connection.ask(purpose, lambda: connection.client.run_pipeline(**options))
    if not made.run_id:
        raise connection.misunderstood(purpose)
    return str(made.run_id)


def schedule(connection: Connection, job: Job, when: Schedule, *, replaces: bool) -> str:
    """Have a job run again and again, one run at a time; the schedule's id.

    One run at a time, because runs share what the state's volume keeps.

    Args:
      replaces: schedules of the same name are removed, once the new one is there.

    Raises:
        ConfigError: there is a schedule of that name, and it should stay.
        ClusterError: Kubeflow Pipelines refuses, or does not answer.
    """
    experiment_id = _experiment(connection, job.experiment)
    old = _schedules(connection, experiment_id, job.name)
    if old and not replaces:
        raise ConfigError(
            f'there is a schedule "{job.name}" already ({old[0]}); --replace puts the new one in '
            "its place, another --name sets it beside"
        )
    purpose = "create the schedule"
    made = connection.ask(purpose, lambda: _create(connection, job, when, experiment_id))
    if not made.recurring_run_id:
        raise connection.misunderstood(purpose)
    for schedule_id in old:
        _remove(connection, schedule_id)
    return str(made.recurring_run_id)


def _create(connection: Connection, job: Job, when: Schedule, experiment_id: str) -> Any:
    with job.sent_file() as file:
        return connection.client.create_recurring_run(
            **job.options(experiment_id, file),
            cron_expression=when.cron,
            interval_second=when.interval_seconds,
            max_concurrency=1,
            no_catchup=not when.catches_up,
        )


def _uncached(found: Documents) -> Documents:
    pipeline = copy.deepcopy({**found.pipeline})
    for part in (pipeline["root"], *pipeline["components"].values()):
        for task in part.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {"enableCache": False}
    return Documents(pipeline, found.platform)


def _remove(connection: Connection, schedule_id: str) -> None:
    connection.ask(
        f"remove the schedule {schedule_id}",
        lambda: connection.client.delete_recurring_run(schedule_id),
    )


def _experiment(connection: Connection, name: str) -> str:
    purpose = f'find or make the experiment "{name}"'
    found = connection.ask(purpose, lambda: connection.client.create_experiment(name))
    if not found.experiment_id:
        raise connection.misunderstood(purpose)
    return str(found.experiment_id)


def _schedules(connection: Connection, experiment_id: str, name: str) -> list[str]:
    """The ids of the schedules of that name."""
    found, token = [], ""
    while True:
        page = connection.ask(
            "list the schedules", lambda token=token: _page(connection, experiment_id, token)
        )
        found += [
            one.recurring_run_id for one in page.recurring_runs or [] if one.display_name == name
        ]
        token = page.next_page_token
        if not token:
            return found


def _page(connection: Connection, experiment_id: str, token: str) -> Any:
    return connection.client.list_recurring_runs(
        page_token=token, page_size=_PAGE, experiment_id=experiment_id
    )
