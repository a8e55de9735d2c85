"""From a configuration to the two documents that Kubeflow Pipelines runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.cluster import platform, spec
from pipeline.cluster.documents import Documents
from pipeline.cluster.pipeline import ClusterPipeline, cluster_pipeline
from pipeline.config import Config
from pipeline.preflight import Weights
from trainer.errors import ConfigError


@dataclass(frozen=True)
class Order:
    """What is to be compiled: a run, as `frostline run` takes it, and where it goes.

    image: the container image of every step
    root: where artifacts go
    data: None makes the sample in the pod
    span: None is the latest
    command: the words of the command line, for the summary
    """

    config: Config
    image: str
    root: str
    weights: Weights
    preset: str
    command: Sequence[str]
    data: str | None = None
    span: str | None = None
    accept_reason: str | None = None
    force_bless: str | None = None


def compiled(order: Order) -> Documents:
    """The pipeline of an order; equal orders give equal documents.

    Raises:
      ConfigError: `kubeflow.steps` is about a step that this pipeline has not.
    """
    settings = order.config.kubeflow
    cluster = _cluster(order)
    _check_steps(order.config, cluster)
    pipeline = spec.pipeline_spec(cluster, settings, image=order.image, root=order.root)
    return Documents(pipeline, platform.platform_spec(settings, spec.steps_of(pipeline)))


def _cluster(order: Order) -> ClusterPipeline:
    return cluster_pipeline(
        order.config,
        root=order.root,
        data=order.data,
        span=order.span,
        weights=order.weights,
        preset=order.preset,
        command=order.command,
        accept_reason=order.accept_reason,
        force_bless=order.force_bless,
    )


def _check_steps(config: Config, cluster: ClusterPipeline) -> None:
    steps = [*cluster.pipeline.components, cluster.exit_handler]
    known = [step.id for step in steps]
    if unknown := [name for name in config.kubeflow.steps if name not in known]:
        raise ConfigError(
            f"kubeflow.steps.{unknown[0]}: this pipeline has no such step; it has "
            f"{', '.join(known)}"
        )
