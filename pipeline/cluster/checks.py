"""The static check of a compiled pipeline: what open-source Kubeflow refuses or silently drops.

What is checked was read in the source of KFP 2.16: its Go compiler to Argo, its driver and its
launcher. An error is certain; a warning is told where a compiler cannot know.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.cluster import check_executors, check_graph, check_values
from pipeline.cluster.documents import Documents
from pipeline.cluster.findings import Finding, error

SCHEMA_VERSION = "2.1.0"


def findings(documents: Documents) -> list[Finding]:
    """Everything that is wrong with a compiled pipeline, errors first."""
    found = [*_unknown_fields(documents)]
    readable = _readable(documents)
    if readable is not None:
        found += _versions(readable)
        for check in (check_graph, check_executors, check_values):
            found += check.findings(readable)
    # Maps of a message come in any order.
    return sorted(found, key=lambda each: (each.level, each.sentence, each.place))


def _versions(documents: Documents) -> Iterator[Finding]:
    version = documents.pipeline.get("schemaVersion", "")
    if version != SCHEMA_VERSION:
        yield error(
            "schemaVersion",
            f'is "{version}", and open-source Kubeflow takes {SCHEMA_VERSION} only',
        )


def _unknown_fields(documents: Documents) -> Iterator[Finding]:
    """What is no field of its message: Kubeflow's server drops it without a word."""
    from google.protobuf import json_format

    for place, table, message in _messages(documents):
        try:
            json_format.ParseDict(dict(table), message)
        except json_format.ParseError as problem:
            reason = " ".join(str(problem).split())
            yield error(place, f"does not fit its message, and would be dropped: {reason}")


def _readable(documents: Documents) -> Documents | None:
    """The documents with their fields' own names; None where they cannot be read at all."""
    from google.protobuf import json_format

    found = []
    for _, table, message in _messages(documents):
        try:
            json_format.ParseDict(dict(table), message, ignore_unknown_fields=True)
        except json_format.ParseError:
            return None
        found.append(json_format.MessageToDict(message))
    pipeline, _, platform, *_ = found
    return Documents(pipeline, platform)


def _messages(documents: Documents) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Place, what is written there, and an empty message for it."""
    from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
    from kfp.pipeline_spec import pipeline_spec_pb2 as pipelines

    messages: Any = pipelines
    yield "pipeline", documents.pipeline, messages.PipelineSpec()
    deployment = documents.pipeline.get("deploymentSpec", {})
    yield "deploymentSpec", deployment, messages.PipelineDeploymentConfig()
    yield "platform", documents.platform, messages.PlatformSpec()
    pod: Any = kubernetes
    for label, config in documents.pod_configs.items():
        yield f"platform of {label}", config, pod.KubernetesExecutorConfig()
