"""Values in JSON requests, as tensors: the rules of TF Serving's json_tensor.cc."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.serving.answers import Code, ServingError, invalid
from pipeline.serving.tensors import numpy_type, type_name

_SHOWN = 1000  # Characters of a value in an error; TF Serving shows them all.
_MAX_RANK = 32
_MAX_FLOAT = float(np.finfo(np.float32).max)
_MAX_WHOLE: Mapping[str, int] = {"float": (1 << 24) - 1, "double": (1 << 53) - 1}
_INT32 = (-(1 << 31), (1 << 31) - 1)
_WHOLE_RANGES: Mapping[str, tuple[int, int]] = {
    "int8": _INT32,
    "int16": _INT32,
    "int32": _INT32,
    "uint8": _INT32,
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint32": (0, (1 << 32) - 1),
    "uint64": (0, (1 << 64) - 1),
}
_TYPES: Mapping[type, str] = {type(None): "Null", dict: "Object", list: "Array", str: "String"}


def tensor(value: Any, data_type: int) -> np.ndarray:
    """A JSON value, nested lists of any depth, as an array.

    Raises:
      ServingError: the lists are ragged, or a value is not of the type.
    """
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if len(shape) > _MAX_RANK:
        raise invalid(f"Encountered {len(shape)} nested lists; a tensor has {_MAX_RANK} at most")
    name = type_name(data_type)
    flat: list[Any] = []
    _flatten(value, shape, 0, name, flat)
    array = np.empty(len(flat), dtype=numpy_type(data_type))
    if flat:
        # Whole numbers wrap round as they do in TensorFlow's proto.
        array[:] = flat if array.dtype == object else np.array(flat).astype(array.dtype)
    return array.reshape(shape)


def _flatten(value: Any, shape: list[int], level: int, name: str, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        flat.append(_element(value, name))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, shape, level + 1, name, flat)


def _element(value: Any, name: str) -> Any:
    """One value, as it goes into a tensor of a type."""
    if isinstance(value, dict):
        if name != "string":
            raise _wrong_type(value, name)
        return decoded(value)
    if name == "string" and isinstance(value, str):
        return encoded(value)
    if name == "bool" and isinstance(value, bool):
        return value
    if name in _MAX_WHOLE and _is_number(value):
        return decimal(value, name)
    if name in _WHOLE_RANGES and _is_whole(value, *_WHOLE_RANGES[name]):
        return value
    if name not in {"string", "bool", *_MAX_WHOLE, *_WHOLE_RANGES}:
        raise ServingError(
            Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {name}"
        )
    raise _wrong_type(value, name)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def decimal(value: int | float, name: str) -> float:
    """A number as a `float` or `double`.

    Raises:
      ServingError: it would lose precision.
    """
    whole = isinstance(value, int) and -(1 << 63) <= value < 1 << 64
    try:
        number = float(value)
    except OverflowError:
        raise invalid("JSON Parse error: Number too big to be stored in double.") from None
    too_large = name == "float" and math.isfinite(number) and abs(number) > _MAX_FLOAT
    if too_large or (whole and abs(value) > _MAX_WHOLE[name]):
        raise invalid(
            f"Cannot convert JSON value: {shown(value)} to {name} without loss of precision."
        )
    return number


def _wrong_type(value: Any, name: str) -> ServingError:
    return invalid(
        f"JSON Value: {shown(value)} Type: {type_of(value)} is not of expected type: {name}"
    )


def type_of(value: Any) -> str:
    """RapidJSON's name of a value's type."""
    if isinstance(value, bool):
        return str(value)
    return _TYPES.get(type(value), "Number")


def is_base64(value: Any) -> bool:
    """Whether a value is `{"b64": "..."}` and nothing else."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def decoded(value: Any) -> bytes:
    """The bytes of `{"b64": ...}`: standard base64, padded or not, white space in it or not.

    Raises:
      ServingError: it is something else.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split())
    stripped = text.rstrip("=")
    try:
        if len(text) - len(stripped) not in {0, -len(stripped) % 4}:
            raise ValueError("the padding is not what the length needs")
        return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise invalid("Unable to base64 decode") from None


def encoded(text: str) -> bytes:
    """The bytes of a JSON string; what was no UTF-8 is as it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None


def shown(value: Any) -> str:
    """A value as an error shows it: its beginning, if it is long."""
    try:
        text = json.dumps(value, indent=4, ensure_ascii=False)
    except RecursionError:
        text = "..."
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
