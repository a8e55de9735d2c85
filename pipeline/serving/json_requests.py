"""JSON requests to predict, read by the rules of TF Serving's json_tensor.cc."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.serving.answers import ServingError, invalid
from pipeline.serving.json_values import is_base64, shown, tensor

# Python's words for what is wrong, and RapidJSON's.
_COMPLAINTS = {
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Expecting ','": "Missing a comma or } or ] after a value.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
    "Extra data": "The document root must not be followed by other values.",
}


def parsed(body: bytes) -> dict[str, Any]:
    """The object in a request's body. NaN and Infinity are taken, as TF Serving takes them.

    Raises:
      ServingError: it is no JSON, or no object.
    """
    # What is no UTF-8 goes through as it is, as it does there.
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if not text.strip(" \t\r\n"):
        raise invalid("JSON Parse error: The document is empty. at offset: 0")
    try:
        document = json.loads(text, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise invalid(
            f"JSON Parse error: {_complaint(error.msg)} at offset: "
            f"{len(text[: error.pos].encode('utf-8', 'surrogateescape'))}"
        ) from None
    except RecursionError:
        raise invalid("JSON Parse error: Too deeply nested.") from None
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("Number too big to be stored in double.")
    return value


def _complaint(message: str) -> str:
    return next(
        (ours for python, ours in _COMPLAINTS.items() if message.startswith(python)), message
    )


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that is asked for; empty for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def is_row_format(document: Mapping[str, Any]) -> bool:
    """Whether the request has `instances`, and not `inputs`.

    Raises:
      ServingError: it has both or neither, or no instance.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "instances" not in document:
        if "inputs" not in document:
            raise invalid("Missing 'inputs' or 'instances' key")
        return False
    if not isinstance(document["instances"], list):
        raise invalid(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
    if not document["instances"]:
        raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")
    return True


def rows(instances: list[Any], infos: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The inputs of `instances`: alias -> array, with a first dimension for the instances.

    Args:
      instances: at least one.
      infos: input alias -> TensorInfo.

    Raises:
      ServingError: an instance does not fit the signature, or the first one.
    """
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    names_inputs = _names_inputs(instances[0])
    columns: dict[str, list[np.ndarray]] = {name: [] for name in sorted(infos)}
    for place, instance in enumerate(instances):
        if _names_inputs(instance) != names_inputs:
            raise invalid(_mixed(place, names_inputs))
        named = instance if names_inputs else {next(iter(columns)): instance}
        for name, value in named.items():
            _append(columns, name, value, infos, where=(place, name if names_inputs else None))
        if set(named) != set(columns):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: "
                f"{shown(instance)} keys must be equal to: {','.join(columns)}"
            )
    return {name: np.stack(column) for name, column in columns.items()}


def _names_inputs(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _mixed(place: int, names_inputs: bool) -> str:
    expected, got = ("object", "list") if names_inputs else ("value/list", "object")
    return f"Expecting {expected} but got {got} at item {place} of input list"


def _append(
    columns: Mapping[str, list[np.ndarray]],
    name: str,
    value: Any,
    infos: Mapping[str, Any],
    *,
    where: tuple[int, str | None],
) -> None:
    try:
        if name not in infos:
            raise invalid(f"JSON object: does not have named input: {name}")
        array = tensor(value, infos[name].dtype)
        first = columns[name][0] if columns[name] else array
        if array.size != first.size:
            raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
        if array.shape != first.shape:
            raise invalid(f"Expecting shape {_shape(first)} but got: {_shape(array)}")
    except ServingError as error:
        place, key = where
        raise invalid(
            f"Failed to process element: {place}{f' key: {key}' if key else ''} of 'instances' "
            f"list. Error: {error.code.name}: {error.message}"
        ) from None
    columns[name].append(array)


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(str(size) for size in array.shape)}]"


def columns(inputs: Any, infos: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The inputs of `inputs`: alias -> array, whole tensors as they are.

    Raises:
      ServingError: one is missing, or does not fit the signature.
    """
    if not _names_inputs(inputs):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        ((name, info),) = infos.items()
        return {name: tensor(inputs, info.dtype)}
    for name in infos:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: tensor(inputs[name], info.dtype) for name, info in infos.items()}
