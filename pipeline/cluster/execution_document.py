"""A compiled pipeline as it lies in its file: the PipelineSpec and what Kubernetes adds to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.cluster import execution_values as values
from trainer.errors import ConfigError

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"  # Where KFP puts artifacts unless told.
_SCHEMA = "2.1.0"
# What KFP makes a claim with, or unmakes it: no container runs.
_VOLUME_IMAGES = ("argostub/createpvc", "argostub/deletepvc")


@dataclass(frozen=True)
class Document:
    """A PipelineSpec, its executors and their Kubernetes settings, each by executor label."""

    spec: Any  # kfp's PipelineSpec, like the protos below: kfp publishes no types for them.
    executors: Mapping[str, Any]
    platform: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the pipeline, which is also the scope of its cache."""
        return self.spec.pipeline_info.name

    @property
    def root(self) -> str:
        """The URI under which every run puts its artifacts."""
        return self.spec.default_pipeline_root or DEFAULT_ROOT

    def component(self, task: Any) -> Any:
        """The ComponentSpec of a task."""
        return self.spec.components[task.component_ref.name]

    @property
    def defaults(self) -> dict[str, Any]:
        """Runtime parameter -> its default, None where it has none and needs none."""
        declared = self.spec.root.input_definitions.parameters
        return {
            name: values.plain(one.default_value) if one.HasField("default_value") else None
            for name, one in declared.items()
        }


def read(file: Path) -> Document:
    """Read a compiled file: YAML or JSON, one document or two.

    Raises:
        ConfigError: it cannot be read, says what the protos do not know, or needs what
            open-source KFP has not.
    """
    from kfp.kubernetes import kubernetes_executor_config_pb2
    from kfp.pipeline_spec import pipeline_spec_pb2

    first, second = _documents(file)
    spec = _proto(pipeline_spec_pb2, "PipelineSpec", first, told=str(file))
    deployment = _proto(
        pipeline_spec_pb2,
        "PipelineDeploymentConfig",
        values.plain(spec.deployment_spec),
        told=f"{file}: deploymentSpec",
    )
    platforms = second.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
    platform = {
        label: _proto(
            kubernetes_executor_config_pb2,
            "KubernetesExecutorConfig",
            config,
            told=f"{file}: platforms.kubernetes, {label}",
        )
        for label, config in platforms.get("executors", {}).items()
    }
    document = Document(spec, dict(deployment.executors), platform)
    _check(document, file)
    return document


def _documents(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        found = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{file} cannot be read: {reason}") from None
    if not found or len(found) > 2 or not all(isinstance(one, dict) for one in found):
        raise ConfigError(
            f"{file} should hold a PipelineSpec and, if needed, a second document for the "
            "platform: python kubeflow/compile.py ... -o pipeline.yaml writes one"
        )
    return found[0], found[1] if len(found) == 2 else {}


def _proto(module: Any, name: str, content: dict[str, Any], *, told: str) -> Any:
    from google.protobuf import json_format

    try:
        return json_format.ParseDict(content, getattr(module, name)())
    except json_format.ParseError as error:
        raise ConfigError(f"{told}: {' '.join(str(error).split())}") from None


def _check(document: Document, file: Path) -> None:
    for problem in _problems(document):
        raise ConfigError(f"{file}: {problem}")


def _problems(document: Document) -> Iterator[str]:
    if document.spec.schema_version != _SCHEMA:
        found = document.spec.schema_version or "none"
        yield f"schemaVersion is {found}, and open-source KFP runs {_SCHEMA}"
    if not document.root.startswith(("gs://", "s3://", "minio://")):
        yield f"KFP's launcher stages gs://, s3:// and minio://, not the root {document.root}"
    for component in [document.spec.root, *document.spec.components.values()]:
        yield from _problems_of(component, document)


def _problems_of(component: Any, document: Document) -> Iterator[str]:
    for name, task in component.dag.tasks.items():
        if task.component_ref.name not in document.spec.components:
            yield f"task {name} is of the component {task.component_ref.name}, which is not there"
        if task.WhichOneof("iterator") == "artifact_iterator":
            yield f"task {name} loops over artifacts, which open-source KFP cannot"
    if component.WhichOneof("implementation") != "executor_label":
        return
    label = component.executor_label
    executor = document.executors.get(label)
    kind = executor.WhichOneof("spec") if executor is not None else None
    if kind not in {"container", "importer"}:
        yield f"executor {label} is {kind or 'not there'}; KFP runs containers and importers"
    elif executor and executor.container.image in _VOLUME_IMAGES:
        yield f"executor {label} makes or removes a claim, which only a cluster can"
