"""Writes inference-service.json from the models of KServe's and Kubernetes' Python packages.

    python sdk_models.py KSERVE_WHEEL KUBERNETES_WHEEL > inference-service.json

Both projects generate these classes from the OpenAPI documents of their Go types, the ones that
the custom resource definition comes from. Nothing is imported: the wheels are only read.
"""

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ROOT = "V1beta1InferenceService"
# What a cluster fills in, what is deployed beside the predictor, and other frameworks' models.
LEFT_OUT = {
    ROOT: {"status"},
    "V1beta1InferenceServiceSpec": {"canary", "explainer", "transformer"},
    "V1beta1PredictorSpec": {
        "huggingface",
        "lightgbm",
        "onnx",
        "paddle",
        "pmml",
        "pytorch",
        "sklearn",
        "triton",
        "workerSpec",
        "xgboost",
    },
}
PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string"},
    "object": {},
    # The API server takes a bare number too, but a bare 4 of memory is four bytes.
    "ResourceQuantity": {"type": "string"},
}


@dataclass(frozen=True)
class Model:
    """A class of an SDK: the type of each of its attributes, under the name that YAML uses."""

    types: Mapping[str, str]
    required: frozenset[str]


def read_models(wheel: str) -> Iterator[tuple[str, Model]]:
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if re.search(r"/models/\w+\.py$", name) and not name.endswith("__init__.py"):
                yield _model(files.read(name).decode())


def _model(source: str) -> tuple[str, Model]:
    [found] = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    values: dict[str, Mapping[str, str]] = {}
    for node in found.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    names = values["attribute_map"]
    # The setters of required attributes refuse None.
    required = re.findall(r"_validation and (\w+) is None", source)
    types = {names[key]: kind for key, kind in values["openapi_types"].items()}
    return found.name, Model(types, frozenset(names[key] for key in required))


def _rule(kind: str, models: Mapping[str, Model]) -> dict[str, Any] | None:
    """The rule for a type such as `list[V1EnvVar]`; None where no wheel has the type."""
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        items = _rule(inner[1], models)
        return None if items is None else {"type": "array", "items": items}
    if inner := re.fullmatch(r"dict\(str, (.+)\)", kind):
        values = _rule(inner[1], models)
        return None if values is None else {"type": "object", "additionalProperties": values}
    if kind in PLAIN:
        return PLAIN[kind]
    return {"$ref": f"#/$defs/{kind}"} if kind in models else None


def _definition(name: str, models: Mapping[str, Model]) -> dict[str, Any]:
    model = models[name]
    rules = {key: _rule(kind, models) for key, kind in model.types.items()}
    left_out = LEFT_OUT.get(name, set()) | {key for key, rule in rules.items() if rule is None}
    for key in sorted(left_out):
        sys.stderr.write(f"left out: {name}.{key} ({model.types[key]})\n")
    definition: dict[str, Any] = {
        "type": "object",
        "properties": {key: rule for key, rule in rules.items() if key not in left_out},
        "additionalProperties": False,
    }
    if model.required:
        definition["required"] = sorted(model.required)
    return definition


def derive(models: Mapping[str, Model]) -> dict[str, Any]:
    """The JSON schema of an InferenceService, with what can be reached from it."""
    definitions: dict[str, Any] = {}
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        if name not in definitions:
            definitions[name] = _definition(name, models)
            waiting += re.findall(r"#/\$defs/(\w+)", json.dumps(definitions[name]))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "InferenceService, serving.kserve.io/v1beta1",
        "$ref": f"#/$defs/{ROOT}",
        "$defs": dict(sorted(definitions.items())),
    }


if __name__ == "__main__":
    # KServe's class wins where both wheels have one of that name.
    kserve, kubernetes = sys.argv[1:]
    schema = derive(dict(read_models(kubernetes)) | dict(read_models(kserve)))
    sys.stdout.write(json.dumps(schema, indent=1) + "\n")
