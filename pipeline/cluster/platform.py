"""The second document: what Kubernetes is told about each pod, as kfp-kubernetes writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.cluster.settings import ACCELERATED, KubeflowSettings, Toleration

RUN_VARIABLE = "FROSTLINE_RUN"
"""The environment variable in which a pod finds the id of the run."""
# KFP fills no placeholder for it in a command; its API server labels every pod with it.
_RUN_LABEL = "metadata.labels['pipeline/runid']"
_TPU = "google.com/tpu"
_GKE_TPU = "cloud.google.com/gke-tpu-accelerator"
_GKE_TOPOLOGY = "cloud.google.com/gke-tpu-topology"


@dataclass(frozen=True)
class Accelerator:
    """Devices of one pod: the resource of Kubernetes that they are, and how many."""

    type: str
    count: int


def platform_spec(settings: KubeflowSettings, steps: Mapping[str, str]) -> dict[str, Any]:
    """The `PlatformSpec` in its JSON form.

    Args:
      settings: what the cluster is asked for.
      steps: label of an executor -> name of its step.
    """
    executors = {label: _pod(settings, name) for label, name in steps.items()}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _pod(settings: KubeflowSettings, name: str) -> dict[str, Any]:
    step = settings.step(name)
    labels = {**_accelerator_labels(settings, name), **step.node_selector}
    found = {
        "fieldPathAsEnv": [{"name": RUN_VARIABLE, "fieldPath": _RUN_LABEL}],
        "nodeSelector": {"labels": labels} if labels else None,
        "tolerations": _tolerations(settings, name),
        "pvcMount": [_claim(each.claim, each.path) for each in settings.volumes],
        "secretAsVolume": [
            {**_named(each.name), "mountPath": each.path} for each in settings.secrets if each.path
        ],
        "secretAsEnv": [
            {**_named(each.name), "keyToEnv": _variables(each.env)}
            for each in settings.secrets
            if each.env
        ],
        "emptyDirMounts": _shared_memory(step.shm_gigabytes),
        # 64-bit integers are strings in a message's JSON form.
        "activeDeadlineSeconds": step.deadline_seconds and str(step.deadline_seconds),
    }
    return {key: value for key, value in found.items() if value}


def accelerator(settings: KubeflowSettings, name: str) -> Accelerator | None:
    """What the pod of a step asks for besides cores and memory."""
    if name not in ACCELERATED or settings.accelerator == "cpu":
        return None
    if settings.accelerator == "gpu":
        return Accelerator(settings.gpu.type, settings.gpu.count)
    return Accelerator(_TPU, settings.tpu.count)


def _accelerator_labels(settings: KubeflowSettings, name: str) -> dict[str, str]:
    if not accelerator(settings, name):
        return {}
    if settings.accelerator == "gpu":
        return settings.gpu.node_selector
    return {_GKE_TPU: settings.tpu.accelerator, _GKE_TOPOLOGY: settings.tpu.topology}


def _tolerations(settings: KubeflowSettings, name: str) -> list[dict[str, str]]:
    wanted = [each.model_dump() for each in settings.step(name).tolerations]
    if device := accelerator(settings, name):
        # Nodes with devices keep other pods away by a taint of this name.
        taint = Toleration(key=device.type, operator="Exists", effect="NoSchedule").model_dump()
        wanted += [] if taint in wanted else [taint]
    return [{key: value for key, value in each.items() if value} for each in wanted]


def _claim(claim: str, path: str) -> dict[str, Any]:
    # Servers from 2.15 on read the parameter, older ones the constant: the SDK writes both.
    return {"constant": claim, "mountPath": path, "pvcNameParameter": _constant(claim)}


def _named(secret: str) -> dict[str, Any]:
    return {
        "secretName": secret,
        "secretNameParameter": _constant(secret),
        "optional": False,
    }


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def _variables(env: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"secretKey": key, "envVar": variable} for key, variable in sorted(env.items())]


def _shared_memory(gigabytes: float | None) -> list[dict[str, str]]:
    if gigabytes is None:
        return []
    size = f"{round(gigabytes * 1000)}M"
    return [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": size}]
