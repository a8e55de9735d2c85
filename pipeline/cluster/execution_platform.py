"""What the platform document adds to a pod: environment, volumes and a deadline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cluster.execution_inputs import Given
from pipeline.cluster.execution_run import Run, Task
from trainer.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """What a pod gets from the platform: mount path -> folder, claims, seconds, variables."""

    mounts: Mapping[str, Path]
    claims: Sequence[str]
    deadline_seconds: int | None
    variables: Mapping[str, str]  # Name of a variable -> field path of the pod.


def settings(run: Run, task: Task, given: Given) -> Settings:
    """The settings of a step; the folders of its claims are made.

    Raises:
        ValueError: a claim is named by what the step was not given.
    """
    config = run.document.platform.get(task.label)
    if config is None:
        return Settings({}, (), None, {})
    claims = [_claim(mount, given) for mount in config.pvc_mount]
    mounts = {}
    for name, mount in zip(claims, config.pvc_mount, strict=True):
        folder = run.volumes.get(name, run.bucket / "volumes" / name) / mount.sub_path
        folder.mkdir(parents=True, exist_ok=True)
        mounts[mount.mount_path] = folder
    for name, one, _ in _read_only(config):
        if name in run.volumes:
            mounts[one.mount_path] = run.volumes[name]
    return Settings(
        mounts=mounts,
        claims=claims,
        deadline_seconds=config.active_deadline_seconds or None,
        variables={one.name: one.field_path for one in config.field_path_as_env},
    )


def check(run: Run) -> None:
    """See that there is a folder for each secret and config map that must be there.

    Raises:
        ConfigError: one has none.
    """
    for label, config in run.document.platform.items():
        for name, one, kind in _read_only(config):
            if name not in run.volumes and not one.optional:
                raise ConfigError(
                    f"{label} mounts the {kind} {name} at {one.mount_path}: "
                    f"say --volume {name}=DIR, a folder with its files"
                )


def environment(run: Run, task: Task, settings: Settings) -> dict[str, str]:
    """The variables that the executor, the platform and KFP itself set."""
    container = run.document.executors[task.label].container
    pod_name = f"{run.document.name}-{task.name}"
    fields = {
        "metadata.name": pod_name,
        "metadata.uid": f"{run.run_id}/{task.path}",
        "metadata.namespace": "kubeflow",
        "metadata.labels['pipeline/runid']": run.run_id,
    }
    return {
        "KFP_POD_NAME": pod_name,
        "KFP_POD_UID": fields["metadata.uid"],
        **{one.name: one.value for one in container.env},
        **{name: fields.get(path, "") for name, path in settings.variables.items()},
    }


def _claim(mount: Any, given: Given) -> str:
    """The name of a claim: a constant, or an input of the step."""
    by_name = mount.pvc_name_parameter
    constant = mount.constant or by_name.runtime_value.constant.string_value
    asked = by_name.component_input_parameter or mount.component_input_parameter
    if not constant and asked not in given.parameters:
        raise ValueError(f"the claim at {mount.mount_path} is named by {asked or 'a task'}")
    return constant or str(given.parameters[asked])


def _read_only(config: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, mount and kind of each secret and config map."""
    for one in config.secret_as_volume:
        yield one.secret_name, one, "secret"
    for one in config.config_map_as_volume:
        yield one.config_map_name, one, "config map"
