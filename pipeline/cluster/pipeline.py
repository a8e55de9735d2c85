"""The pipeline as a cluster runs it: the local run's graph, a step before and one after it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from components import digests
from components.acceptance import Terms
from pipeline.baseline import ModelTerms
from pipeline.cluster import weights_file
from pipeline.cluster.bindings import Binding
from pipeline.cluster.order import Expected, Order
from pipeline.cluster.task import MADE_FROM, PREPARE
from pipeline.cluster.uris import EPHEMERAL, RUN_ID
from pipeline.config import Config
from pipeline.judging import Judging
from pipeline.preflight import Weights
from pipeline.sources import Sources, code_digest
from pipeline.workdir import WorkDir
from trainer.features import EVAL

if TYPE_CHECKING:
    from tfx import v1 as tfx
    from tfx.dsl.components.base.base_node import BaseNode

COMMAND = ("python", "-m", "pipeline.cluster.pod")
"""What every pod runs; its arguments are those of `ClusterPipeline` and then TFX's own."""
_WEIGHED = ("FrozenFeatures", "Tuner", "Trainer")
# Step -> the output of Prepare that is its `MADE_FROM`.
_KEYS: Mapping[str, str] = {
    "StatisticsGen": "data_key",
    "SchemaGen": "data_key",
    "ImportSchemaGen": "data_key",
    "ExampleValidator": "data_key",
    "DataGate": "gate_key",
    "Transform": "data_key",
    "FrozenFeatures": "data_key",
    "Tuner": "model_key",
    "Trainer": "model_key",
    "BlessedModel": "judgement_key",
    "Evaluator": "judgement_key",
    "ServingGate": "judgement_key",
}
_BOUND = (
    # Step, output of Prepare, where the pod puts it.
    ("BlessedModel", "pointer", "pointer"),
    ("Evaluator", "judged_split", "example_splits:0"),
    ("ServingGate", "judged_split", "judged_split"),
    ("Pusher", "destination", "push_destination:filesystem.base_directory"),
    ("Pusher", "pointer", "custom_config:pointer"),
    ("Pusher", "release", "custom_config:terms"),
)
_EPOCHS = Binding(
    "Trainer",
    "bound_epochs",
    "epochs",
    kind="NUMBER_INTEGER",
    target="custom_config:settings.train.epochs",
)


@dataclass(frozen=True)
class ClusterPipeline:
    """What is compiled.

    pipeline: TFX's, with Prepare as its first step
    exit_handler: the step Summary, which comes last whatever happened
    bindings: parameters that the compiler adds to tasks
    parameter_defaults: runtime parameter -> its default
    pod_arguments: step -> what its pod is told before TFX's own arguments; Summary's, too
    """

    pipeline: "tfx.dsl.Pipeline"
    exit_handler: "BaseNode"
    bindings: Sequence[Binding]
    parameter_defaults: Mapping[str, str | int]
    pod_arguments: Mapping[str, Sequence[str]]


def cluster_pipeline(
    config: Config,
    *,
    root: str,
    data: str | None,
    span: str | None,
    weights: Weights,
    preset: str,
    command: Sequence[str],
    accept_reason: str | None = None,
    force_bless: str | None = None,
) -> ClusterPipeline:
    """Everything that the compiler turns into documents.

    `config.kubeflow` says where pods find the state and the weights.

    Args:
      root: where the artifacts go: a bucket's URI, or a path on a volume.
      data: the default of the runtime parameter; None makes the sample in the pod.
      span: as `data`; None is the latest.
      weights: the pretrained weights as `preflight.check_weights` has found them here.
      preset: what the configuration started from.
      command: the words of the command line, for the summary.
      accept_reason: why the data are accepted in spite of failed checks.
      force_bless: why the model is blessed in spite of failed checks.
    """
    from pipeline import graph

    defaults: dict[str, str | int] = {
        "data": data or "",
        "span": span or "",
        "epochs": config.train.epochs,
        "push_destination": "",
        "accept_data": accept_reason or "",
        "force_bless": force_bless or "",
    }
    source = (config.kubeflow.weights or str(weights.path)) if weights.path else ""
    in_pod = replace(weights, path=weights_file.place(source, weights.sha256) if source else None)
    prepare = _prepare(config, in_pod, defaults)
    pipeline = graph.create_pipeline(
        config,
        _sources(prepare, in_pod),
        _state(config),
        judging=_judging(prepare, config),
        push_request="",
        before=[prepare],
        name=_name(config),
        root=root,
    )
    steps = {node.id: node for node in pipeline.components}
    bindings = list(_bindings(steps))
    expected = [_expected(node) for node in steps.values()]
    pods = {each.name: _pod_arguments(each, config, bindings, source, in_pod) for each in expected}
    summary = _summary(
        Order(
            config=config.model_dump(mode="json"),
            preset=preset,
            command=list(command),
            weights=str(in_pod.path or ""),
            weights_sha256=in_pod.sha256,
            state=config.kubeflow.state or "",
            steps=expected,
        )
    )
    pods[summary.id] = ["--step", summary.id]
    return ClusterPipeline(pipeline, summary, bindings, defaults, pods)


def _prepare(config: Config, weights: Weights, defaults: Mapping[str, str | int]) -> "BaseNode":
    from tfx import v1 as tfx

    from pipeline.cluster.preparation import Prepare

    wishes = {
        name: tfx.dsl.experimental.RuntimeParameter(name, ptype=type(value), default=value)
        for name, value in defaults.items()
    }
    return Prepare(
        **wishes,
        config=config.model_dump_json(),
        weights=str(weights.path or ""),
        weights_sha256=weights.sha256,
        state=str(_state(config).root),
    )


def _sources(prepare: "BaseNode", weights: Weights) -> Sources:
    return Sources(
        data=_at_run_time(prepare, "data_path"),
        span=_at_run_time(prepare, "span_range"),
        data_digest=_at_run_time(prepare, "data_digest"),
        judged_split=EVAL,  # bound, see `_BOUND`
        weights=weights.path,
        weights_sha256=weights.sha256,
        code_digest=code_digest(),
    )


def _judging(prepare: "BaseNode", config: Config) -> Judging:
    schema_file = config.gate.schema_file
    return Judging(
        schema_file=Path(schema_file) if schema_file else None,
        fingerprint=_at_run_time(prepare, "gate_fingerprint"),
        terms=Terms(_at_run_time(prepare, "gate_baseline"), _at_run_time(prepare, "accept_reason")),
        model=ModelTerms(
            _at_run_time(prepare, "baseline_fingerprint"), _at_run_time(prepare, "bless_reason")
        ),
    )


def _at_run_time(prepare: "BaseNode", output: str) -> str:
    """What TFX takes wherever a step takes a text, and compiles to an output parameter."""
    return cast("str", prepare.outputs[output].future()[0].value)


def _state(config: Config) -> WorkDir:
    return WorkDir(Path(config.kubeflow.state or EPHEMERAL))


def _name(config: Config) -> str:
    """The model's name in the letters that Kubeflow allows."""
    return re.sub(r"[^a-z0-9]+", "-", config.push.model_name.lower()).strip("-")


def _bindings(steps: Iterable[str]) -> Iterator[Binding]:
    for step in steps:
        if step in _KEYS:
            yield Binding(step, MADE_FROM, _KEYS[step], PREPARE)
        if step in ("Tuner", "Trainer"):
            yield replace(_EPOCHS, step=step)
        for name, output, target in _BOUND:
            if name == step:
                yield Binding(step, f"bound_{output}", output, PREPARE, target=target)


def _expected(node: "BaseNode") -> Expected:
    # What is filled in at run time has no value yet.
    constant = {
        name: value
        for name, value in node.exec_properties.items()
        if value is None or isinstance(value, str | int | float)
    }
    return Expected(
        name=node.id,
        upstream=sorted(each.id for each in node.upstream_nodes),
        key=digests.of([json.dumps(constant, sort_keys=True)]),
        made_from=_KEYS.get(node.id, ""),
    )


def _pod_arguments(
    step: Expected, config: Config, bindings: Sequence[Binding], source: str, weights: Weights
) -> list[str]:
    arguments = ["--step", step.name, "--key", step.key]
    if state := config.kubeflow.state:
        arguments += ["--state", state]
    if source and step.name in _WEIGHED:
        arguments += ["--weights", source, "--weights-sha256", weights.sha256]
    bound = (binding for binding in bindings if binding.step == step.name)
    return [*arguments, *(word for binding in bound for word in binding.arguments)]


def _summary(order: Order) -> "BaseNode":
    from tfx import v1 as tfx

    from pipeline.cluster.summary_step import Summary

    return Summary(
        final_status=tfx.orchestration.experimental.FinalStatusStr(),
        run=RUN_ID,
        order=json.dumps(asdict(order)),
    )
