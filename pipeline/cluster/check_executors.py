"""Rules on containers, importers and what Kubernetes is told about pods."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.cluster.documents import Documents
from pipeline.cluster.findings import Finding, error
from pipeline.cluster.graphs import Task, inputs, outputs, tasks

PLACEHOLDER = re.compile(r"\{\{\$[^}]*\}\}")
"""Anything that looks as if Kubeflow should fill it in."""
_STAGED = ("gs://", "s3://", "minio://", "oci://")
_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_ARTIFACT = re.compile(r"\{\{\$\.(inputs|outputs)\.artifacts\['([^']+)'\]\.(uri|path)\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.parameters\['([^']+)'\]\.output_file\}\}")
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGTPE]i?|k)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def findings(documents: Documents) -> Iterator[Finding]:
    """What is wrong with the executors."""
    for label, executor in documents.executors.items():
        yield from _kind(label, executor)
        yield from _container(label, executor.get("container", {}))
        yield from _importer(label, executor.get("importer", {}))
    for label in documents.pod_configs:
        yield from _pod(label, documents)
    found = [*tasks(documents.pipeline)]
    for task in found:
        executor = documents.executors.get(task.label, {})
        yield from _placeholders(task, executor.get("container", {}))
        if "importer" in executor and "condition" in task.spec.get("triggerPolicy", {}):
            yield error(task.name, "is an importer with a condition, which Kubeflow refuses")
    yield from _alike(documents)


def _kind(label: str, executor: Mapping[str, Any]) -> Iterator[Finding]:
    if "resolver" in executor:
        yield error(
            label, "is a resolver, which open-source Kubeflow lacks: let a step look things up"
        )
    elif "customJob" in executor:
        yield error(label, "is a custom job of Google Cloud, which open-source Kubeflow refuses")
    elif not ("container" in executor or "importer" in executor):
        yield error(label, "is neither a container nor an importer")


def _container(label: str, container: Mapping[str, Any]) -> Iterator[Finding]:
    if container and not container.get("image", "").strip():
        yield error(label, "has no image: --image REF names one")
    if container.get("lifecycle"):
        yield error(
            label, "has a lifecycle hook (preCacheCheck), which open-source Kubeflow never runs"
        )
    for variable in container.get("env", []):
        if not _VARIABLE.fullmatch(variable.get("name", "")):
            yield error(label, f'sets "{variable.get("name", "")}", which names no variable')
    yield from _resources(label, container.get("resources", {}))


def _resources(label: str, resources: Mapping[str, Any]) -> Iterator[Finding]:
    for name, amount in resources.items():
        is_amount = isinstance(amount, str) and not PLACEHOLDER.search(amount)
        if is_amount and not _QUANTITY.fullmatch(amount):
            yield error(label, f'asks for {name} "{amount}", which is no amount for Kubernetes')
    device = resources.get("accelerator", {})
    kind = device.get("resourceType") or device.get("type")
    count = device.get("resourceCount") or device.get("count")
    if device and not (kind and count):
        yield error(
            label, "asks for an accelerator without type or count, and Kubeflow would leave it out"
        )


def _importer(label: str, importer: Mapping[str, Any]) -> Iterator[Finding]:
    uri = importer.get("artifactUri", {}).get("constant")
    if uri is not None and not str(uri).startswith(_STAGED):
        yield error(
            label, f'imports "{uri}", and Kubeflow stages {", ".join(_STAGED[:3])} URIs only'
        )


def _pod(label: str, documents: Documents) -> Iterator[Finding]:
    if label not in documents.executors:
        yield error(f"platform of {label}", "is about an executor that is not there")
    elif "container" not in documents.executors[label]:
        yield error(f"platform of {label}", "is about an importer, which has no pod to be set up")
    config = documents.pod_configs[label]
    claims = [each.get("constant") for each in config.get("pvcMount", [])]
    secrets = [each.get("secretName") for each in config.get("secretAsVolume", [])]
    for name in _repeated([*claims, *secrets]):
        yield error(label, f'mounts "{name}" twice, and a pod takes a volume name once')
    for path in _repeated(mounts(config)):
        yield error(label, f"mounts two volumes at {path}")


def mounts(config: Mapping[str, Any]) -> list[str]:
    """The paths at which a pod finds volumes."""
    kinds = ("pvcMount", "secretAsVolume", "configMapAsVolume", "emptyDirMounts")
    kinds += ("genericEphemeralVolume",)
    return [each.get("mountPath", "") for kind in kinds for each in config.get(kind, [])]


def _repeated(names: list[Any]) -> list[Any]:
    return [name for name, times in Counter(names).items() if times > 1 and name]


def _placeholders(task: Task, container: Mapping[str, Any]) -> Iterator[Finding]:
    words = [*container.get("command", []), *container.get("args", [])]
    for word in words:
        for placeholder in PLACEHOLDER.findall(word):
            if not _is_filled(placeholder, task.component):
                yield error(
                    task.name, f"has {placeholder} in its command, which Kubeflow does not fill in"
                )


def _is_filled(placeholder: str, component: Mapping[str, Any]) -> bool:
    if placeholder == "{{$}}":
        return True
    if match := _INPUT.fullmatch(placeholder):
        return match[1] in inputs(component, "parameters")
    if match := _OUTPUT.fullmatch(placeholder):
        return match[1] in outputs(component, "parameters")
    if match := _ARTIFACT.fullmatch(placeholder):
        declared = inputs if match[1] == "inputs" else outputs
        return match[2] in declared(component, "artifacts")
    return False


def _alike(documents: Documents) -> Iterator[Finding]:
    """Kubeflow keeps components by the digest of their container: two of one are mixed up."""
    seen: dict[str, tuple[str, Any]] = {}
    for name, component in sorted(documents.pipeline.get("components", {}).items()):
        executor = documents.executors.get(component.get("executorLabel", ""), {})
        if "container" not in executor:
            continue
        key = json.dumps(executor["container"], sort_keys=True)
        faces = {end: component.get(end) for end in ("inputDefinitions", "outputDefinitions")}
        other, known = seen.setdefault(key, (name, faces))
        if known != faces:
            yield error(
                name, f"has the very container of {other} and other inputs or outputs: mixed up"
            )
