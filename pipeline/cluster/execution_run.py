"""What a run, a task and the record of a step are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cluster.execution_document import Document


@dataclass(frozen=True)
class Record:
    """What has become of a step, and what its last pod took."""

    name: str
    state: str  # ran, cached, failed, retried or skipped
    seconds: float = 0
    attempts: int = 0
    exit_code: int | None = None
    reason: str = ""
    log: str = ""
    cpu_seconds: float = 0
    memory_megabytes: float = 0
    disk_megabytes: float = 0  # What lay in the pod at its end: staged, written, temporary.


@dataclass(frozen=True)
class Run:
    """What all steps of a run share."""

    document: Document
    run_id: str
    bucket: Path
    volumes: Mapping[str, Path]  # Claim, secret or config map -> folder.
    has_own_roots: bool
    keeps_pods: bool
    told: Callable[[Record], None]
    noted: Callable[[str], None]

    @property
    def folder(self) -> Path:
        """Where logs, records and pods of this run lie."""
        return self.bucket / "runs" / self.run_id

    def facts(self, task_name: str) -> dict[str, str]:
        """What the driver knows of the run: name of a placeholder -> value."""
        return {
            "pipeline_job_name": self.document.name,
            "pipeline_job_resource_name": f"{self.document.name}-{self.run_id[:5]}",
            "pipeline_job_uuid": self.run_id,
            "pipeline_task_name": task_name,
            "pipeline_task_uuid": f"{self.run_id}/{task_name}",
        }


@dataclass(frozen=True)
class Task:
    """A task of a DAG and its component. The path, through all DAGs, is unique in a run."""

    path: str
    spec: Any
    component: Any

    @property
    def name(self) -> str:
        """Its name in KFP's pages and in the URIs of its outputs."""
        return self.spec.task_info.name or self.path.rsplit("/", 1)[-1]

    @property
    def label(self) -> str:
        """Its executor."""
        return self.component.executor_label

    @property
    def is_dag(self) -> bool:
        """Whether it holds tasks instead of a container."""
        return self.component.WhichOneof("implementation") == "dag"
