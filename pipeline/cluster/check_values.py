"""Rules on what steps are told: paths and URIs that no pod can open, and values that never come."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.cluster.check_executors import PLACEHOLDER, mounts
from pipeline.cluster.documents import Documents
from pipeline.cluster.findings import Finding, error, warning
from pipeline.cluster.graphs import Task, inputs, tasks

# What the driver fills in where it is the whole value of a parameter.
_OF_RUN = frozenset(
    f"{{{{$.{name}}}}}"
    for name in (
        "pipeline_job_name",
        "pipeline_job_resource_name",
        "pipeline_job_uuid",
        "pipeline_task_name",
        "pipeline_task_uuid",
        "pipeline_job_create_time_utc",
        "pipeline_job_schedule_time_utc",
    )
)
_VALUES = frozenset(f"tfx.{kind}" for kind in ("String", "Integer", "Float", "Boolean"))
_JSON_VALUE = "tfx.JsonValue"
_ROOTS = ("gs", "s3", "minio")
_SCHEMES = frozenset({*_ROOTS, "oci", "hdfs", "http", "https"})
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S*")
_PATH = re.compile(r"/[\w./@%+=:,-]*")
_BROKEN = re.compile(r"(~|\.\.?)(/\S*)?")
# What every pod has.
_OWN = ("/tmp", "/dev", "/gcs", "/s3", "/minio")
# Parameters that are places, whatever they look like; those of ours and of TFX.
_PLACES = frozenset(
    {"data", "cache_dir", "folder", "pointer", "store", "schema_file", "weights", "state"}
)
# What is told about a run, and opened by nobody.
_TOLD = frozenset({"command", "accept_data", "accept_reason", "force_bless"})
# TFX's name for a wheel that was built where the pipeline was compiled.
_WHEELS = frozenset({"module_file", "module_path"})


@dataclass(frozen=True)
class _Value:
    """A piece of text that a step is told, and the name that it is told it by."""

    place: str
    name: str
    text: str
    mounts: Sequence[str]


def findings(documents: Documents) -> Iterator[Finding]:
    """What is wrong with what steps are told."""
    yield from _root(documents.pipeline.get("defaultPipelineRoot"))
    for task in tasks(documents.pipeline):
        yield from _value_channels(task)
        yield from _placeholders(task)
    for value in _values(documents):
        yield from _wheel(value)
        yield from _place(value)


def _root(root: str | None) -> Iterator[Finding]:
    place = "defaultPipelineRoot"
    if not root:
        yield warning(place, "is not set: artifacts go where the cluster is set up to put them")
        return
    scheme = _URI.fullmatch(root)
    if root.startswith("/"):
        yield warning(
            place,
            f"{root} is a path, and the launcher of open-source Kubeflow stages gs://, s3:// and "
            "minio:// only",
        )
    elif not scheme or scheme[1] not in _ROOTS:
        yield error(place, f'"{root}" should be gs://, s3:// or minio:// and a bucket')


def _value_channels(task: Task) -> Iterator[Finding]:
    for name, declared in inputs(task.component, "artifacts").items():
        if _title(declared.get("artifactType", {})) in {*_VALUES, _JSON_VALUE}:
            yield error(
                task.name,
                f"takes {name} as an artifact that holds a value, which no pod unpacks: hand over "
                "the value (channel.future()[0].value)",
            )


def _title(kind: Mapping[str, Any]) -> str:
    if "instanceSchema" in kind:
        schema = yaml.safe_load(kind["instanceSchema"])
        return schema.get("title", "") if isinstance(schema, dict) else ""
    return kind.get("schemaTitle", "")


def _placeholders(task: Task) -> Iterator[Finding]:
    for name, source in task.parameters.items():
        constant = source.get("runtimeValue", {}).get("constant")
        if "runtimeParameter" in source.get("runtimeValue", {}):
            yield error(task.name, f"is given {name} as schema 2.0 did, which Kubeflow refuses")
        if not isinstance(constant, str) or constant in _OF_RUN:
            continue
        for placeholder in PLACEHOLDER.findall(constant):
            given = re.fullmatch(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}", placeholder)
            if not (given and given[1] in task.parameters):
                yield error(
                    task.name, f"is given {placeholder} within {name}, which stays as it is"
                )


def _values(documents: Documents) -> Iterator[_Value]:
    everywhere = [path for pod in documents.pod_configs.values() for path in mounts(pod)]
    for name, parameter in documents.parameters.items():
        for text in _texts(parameter.get("defaultValue")):
            yield _Value("runtime parameter", name, text, everywhere)
    for task in tasks(documents.pipeline):
        known = mounts(documents.pod_configs.get(task.label, {}))
        container = documents.executors.get(task.label, {}).get("container", {})
        for name, source in task.parameters.items():
            for text in _texts(source.get("runtimeValue", {}).get("constant")):
                yield _Value(task.name, name, text, known)
        for word in container.get("args", []):
            if not (word.startswith("{") or PLACEHOLDER.search(word)):
                yield _Value(task.name, "its command", word, known)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value; in a text that is JSON, every text in that."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        inner = _json(value)
        yield from _texts(inner) if isinstance(inner, list | dict) else (value,)


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("{", "[") else None
    except ValueError:
        return None


def _wheel(value: _Value) -> Iterator[Finding]:
    if value.text.endswith(".whl") or (value.name in _WHEELS and value.text):
        yield error(
            value.place,
            f"is given {value.name} = {value.text}: code that was packed where this was compiled "
            "is in no pod; name a function of the image",
        )


def _place(value: _Value) -> Iterator[Finding]:
    said = f"is told {value.name} = {value.text}"
    if value.name in _TOLD or not value.text:
        return
    if scheme := _URI.fullmatch(value.text):
        if scheme[1].lower() not in _SCHEMES:
            yield error(value.place, f"{said}, and no pod can open {scheme[1]}://")
    elif _BROKEN.fullmatch(value.text):
        yield error(value.place, f"{said}: a pod has another home and another folder")
    elif value.name in _PLACES and not value.text.startswith("/"):
        yield error(value.place, f"{said}, which is no absolute path and no URI")
    elif _PATH.fullmatch(value.text) and not _is_there(value):
        yield warning(
            value.place,
            f"{said}: no pod can open that unless the image holds it or a volume is mounted there "
            "(kubeflow.volumes)",
        )


def _is_there(value: _Value) -> bool:
    return any(
        value.text == path or value.text.startswith(f"{path.rstrip('/')}/")
        for path in (*_OWN, *value.mounts)
    )
