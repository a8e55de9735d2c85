"""The values of parameters: from protos to Python, to text and back, as KFP has them.

A parameter is a string, a number, a truth, a list or an object. Between steps it is a
`google.protobuf.Value`, which knows no whole numbers; in a command it is text.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_KINDS: Mapping[str, tuple[type, ...]] = {
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
    "TASK_FINAL_STATUS": (dict,),
}


def plain(message: Any) -> Any:
    """A proto as Python's own values; a number without a fraction is an int."""
    from google.protobuf import json_format

    return whole(json_format.MessageToDict(message))


def kinds(declared: Any) -> dict[str, str]:
    """Parameter -> its type, as in NUMBER_INTEGER; `declared` maps names to ParameterSpecs."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    names = pipeline_spec_pb2.ParameterType.ParameterTypeEnum  # pyright: ignore[reportAttributeAccessIssue]
    return {name: names.Name(one.parameter_type) for name, one in declared.items()}


def whole(value: Any) -> Any:
    """The same value, each number without a fraction as an int."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def text(value: Any) -> str:
    """What stands for a value in a command: 0.5, true, {"a":1}; a string is itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return json.dumps(value, separators=(",", ":"))


def parsed(written: str, kind: str) -> Any:
    """The value that a step has written into the file of an output parameter.

    Raises:
        ValueError: it is not of that kind.
    """
    if kind == "STRING":
        return written
    value = json.loads(written.strip().lower() if kind == "BOOLEAN" else written.strip())
    return _checked(value, kind, told=f"{written.strip()!r}")


def given(value: Any, kind: str, *, name: str) -> Any:
    """A value as the driver hands it to a step: to a string anything is written as text.

    Raises:
        ValueError: it is of another kind.
    """
    if kind == "STRING":
        return text(value)
    return _checked(value, kind, told=f"input parameter {name!r}: {text(value)}")


def _checked(value: Any, kind: str, *, told: str) -> Any:
    kinds = _KINDS.get(kind)
    if kinds is None:
        raise ValueError(f"{told} is of the kind {kind}, which open-source KFP cannot pass")
    if not isinstance(value, kinds) or (isinstance(value, bool) and kind != "BOOLEAN"):
        raise ValueError(f"{told} is no {kind}")
    return value
