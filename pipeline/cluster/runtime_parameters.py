"""The runtime parameters of a compiled pipeline, and the values that a person gives them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster import documents
from pipeline.cluster.documents import Documents
from trainer.errors import ConfigError

_COMPILE = "python kubeflow/compile.py ... -o pipeline.yaml makes one"


def values(file: Path, words: Sequence[str]) -> dict[str, Any]:
    """What `--parameter NAME=VALUE` says, as the types that the compiled file declares.

    Raises:
        ConfigError: the file is no compiled pipeline, a parameter is unknown, of another type or
            missing.
    """
    declared = _declared(file)
    given = dict(_pair(word) for word in words)
    unknown = sorted(set(given) - set(declared))
    if unknown:
        known = ", ".join(sorted(declared)) or "none at all"
        raise ConfigError(f"--parameter {unknown[0]}: {file} has no such parameter, but {known}")
    missing = sorted(name for name in set(declared) - set(given) if _is_needed(declared[name]))
    if missing:
        raise ConfigError(f"{file} needs --parameter {missing[0]}=VALUE, which has no default")
    return {name: _value(name, text, declared[name]) for name, text in given.items()}


def _declared(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Parameter -> its `parameterType`, `defaultValue` and `isOptional`."""
    found = documents.read(file)
    if not found.pipeline.get("root", {}).get("dag", {}).get("tasks"):
        raise ConfigError(f"{file} is no compiled pipeline: it has no tasks; {_COMPILE}")
    _see_that_kfp_reads(file, found)
    return found.parameters


def _see_that_kfp_reads(file: Path, found: Documents) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    messages: Any = pipeline_spec_pb2
    try:
        json_format.ParseDict(dict(found.pipeline), messages.PipelineSpec())
        json_format.ParseDict(dict(found.platform), messages.PlatformSpec())
    except json_format.ParseError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{file} is no compiled pipeline: {reason}; {_COMPILE}") from None


def _is_needed(definition: Mapping[str, Any]) -> bool:
    return not definition.get("isOptional") and "defaultValue" not in definition


def _pair(word: str) -> tuple[str, str]:
    name, sign, text = word.partition("=")
    if not sign or not name:
        raise ConfigError(f"--parameter {word} should be NAME=VALUE, as in epochs=5")
    return name, text


def _value(name: str, text: str, definition: Mapping[str, Any]) -> Any:
    kind = definition.get("parameterType", "STRING")
    read, told = _READERS.get(kind, (str, "text"))
    try:
        return read(text)
    except ValueError:
        raise ConfigError(f"--parameter {name}={text} should be {told}") from None


def _json_of(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        found = json.loads(text)
        if not isinstance(found, kind):
            raise ValueError(text)
        return found

    return read


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "NUMBER_INTEGER": (int, "a whole number"),
    "NUMBER_DOUBLE": (float, "a number"),
    "BOOLEAN": (_json_of(bool), "true or false"),
    "LIST": (_json_of(list), 'a list in JSON, as in ["a", "b"]'),
    "STRUCT": (_json_of(dict), 'an object in JSON, as in {"a": 1}'),
}
