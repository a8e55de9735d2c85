"""The section `kubeflow` of the configuration: where and on what a cluster runs the pipeline."""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from trainer.settings import Frozen, Positive

StepName = Literal[
    "Prepare",
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "DataGate",
    "FrozenFeatures",
    "Transform",
    "Tuner",
    "Trainer",
    "BlessedModel",
    "Evaluator",
    "ServingGate",
    "Pusher",
    "Summary",
]
STEPS: tuple[StepName, ...] = get_args(StepName)
ACCELERATED: frozenset[StepName] = frozenset({"FrozenFeatures", "Tuner", "Trainer"})
"""The steps that a GPU or a TPU is for."""
NEVER_CACHED: frozenset[StepName] = frozenset({"Prepare", "ImageExampleGen", "Pusher", "Summary"})
"""The steps that look at the world: what they did once says nothing about today."""

_CPU = re.compile(r"\d+(\.\d+)?|\d+m")
_MEMORY = re.compile(r"\d+(\.\d+)?([KMGTPE]i?|k)?")


class Toleration(Frozen):
    """A taint of nodes that a pod puts up with."""

    key: str = ""
    """Empty means every key; it takes `Exists`."""
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Empty means every effect."""


class Volume(Frozen):
    """A persistent volume claim that every pod mounts."""

    claim: str
    path: str

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        return _absolute(path)


class Secret(Frozen):
    """A Kubernetes secret, as files in a folder, as environment variables, or both."""

    name: str
    path: str = ""
    """The folder; empty mounts none."""
    env: dict[str, str] = Field(default={})
    """Key in the secret -> name of the variable."""

    @model_validator(mode="after")
    def _is_used(self) -> "Secret":
        if not (self.path or self.env):
            raise ValueError("needs a path to mount it at, or env: the key -> the variable")
        if self.path:
            _absolute(self.path)
        return self


class GpuSettings(Frozen):
    """GPUs of one pod."""

    type: str = "nvidia.com/gpu"
    """The resource that the node's device plugin offers."""
    count: Positive = 1
    node_selector: dict[str, str] = Field(default={})
    """Labels of the nodes, as in `"cloud.google.com/gke-accelerator" = "nvidia-l4"`."""


class TpuSettings(Frozen):
    """TPU chips of one pod, in GKE's words."""

    count: Positive = 4
    """Chips: a single host's topology has just so many, 2x2 = 4."""
    accelerator: str = "tpu-v5-lite-podslice"
    """The label `cloud.google.com/gke-tpu-accelerator` of the nodes."""
    topology: str = "2x2"
    """Their label `cloud.google.com/gke-tpu-topology`."""


class StepSettings(Frozen):
    """What the pod of a step asks of the cluster; unset leaves it to the cluster."""

    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    node_selector: dict[str, str] = Field(default={})
    tolerations: list[Toleration] = Field(default=[])
    env: dict[str, str] = Field(default={})
    retries: Annotated[int, Field(ge=0)] = 0
    backoff_seconds: Annotated[int, Field(ge=0)] = 30
    backoff_factor: Annotated[float, Field(ge=1)] = 2.0
    backoff_max_seconds: Annotated[int, Field(ge=0)] = 600
    deadline_seconds: Positive | None = None
    cache: bool = True
    shm_gigabytes: Annotated[float, Field(gt=0)] | None = None

    @field_validator("cpu_request", "cpu_limit")
    @classmethod
    def _counts_cores(cls, amount: str | None) -> str | None:
        if amount is not None and not _CPU.fullmatch(amount):
            raise ValueError('should be cores as Kubernetes writes them: "2", "0.5" or "500m"')
        return amount

    @field_validator("memory_request", "memory_limit")
    @classmethod
    def _counts_bytes(cls, amount: str | None) -> str | None:
        if amount is not None and not _MEMORY.fullmatch(amount):
            raise ValueError('should be bytes as Kubernetes writes them: "8Gi" or "500M"')
        return amount


class KubeflowSettings(Frozen):
    """How Kubeflow Pipelines runs the steps; `kubeflow/compile.py` reads it."""

    image: str | None = None
    """The container image of every step; --image wins."""
    root: str | None = None
    """Where the steps' artifacts go: `gs://`, `s3://` or `minio://` and a bucket; --root wins."""
    state: str | None = None
    """A folder on a volume, for what is kept from run to run: features, ingested images, the model
    that was blessed last, `serving/`. Unset keeps nothing."""
    weights: str | None = None
    """Where pods find the file of `model.weights`: a path in the image or on a volume, or a
    `gs://` URI; unset means under the same path as here."""
    accelerator: Literal["cpu", "gpu", "tpu"] = "cpu"
    """What Trainer, Tuner and FrozenFeatures run on."""
    cache: bool = True
    """Let Kubeflow skip steps whose inputs it has seen; a run always looks at its data anew."""
    volumes: list[Volume] = Field(default=[])
    """Claims that every pod mounts: `[{claim = "frostline", path = "/mnt/frostline"}]`."""
    secrets: list[Secret] = Field(default=[])
    """Secrets that every pod gets: `[{name = "gcs", path = "/secrets/gcs"}]`."""
    gpu: GpuSettings = GpuSettings()
    tpu: TpuSettings = TpuSettings()
    steps: dict[StepName, StepSettings] = Field(default={})
    """What the pods of single steps ask for."""

    @field_validator("state")
    @classmethod
    def _is_a_folder(cls, state: str | None) -> str | None:
        if state is not None and not state.startswith("/"):
            raise ValueError(
                "should be an absolute path on a volume that every pod mounts (kubeflow.volumes): "
                "features and checkpoints are written in place, which a bucket cannot do"
            )
        return state

    def step(self, name: str) -> StepSettings:
        """The settings of a step by its name."""
        return {str(each): settings for each, settings in self.steps.items()}.get(
            name, StepSettings()
        )

    def is_cached(self, name: str) -> bool:
        """Whether Kubeflow may skip a step."""
        return self.cache and name not in NEVER_CACHED and self.step(name).cache


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"should be mounted at an absolute path: {path}")
    return path
