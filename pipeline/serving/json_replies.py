"""JSON replies, written as TF Serving's json_tensor.cc writes them, to the byte."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.serving.answers import invalid

_INDENT = "    "
_BYTES_SUFFIX = "_bytes"  # String outputs with such a name are bytes, and travel as base64.


def predictions(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The reply to a request in row format: a list with an item for each row.

    An item is the value of the one output, or an object of several.

    Raises:
      ServingError: the outputs have not the same number of rows.
    """
    count = _row_count(outputs)
    columns = {name: _texts(name, array) for name, array in sorted(outputs.items())}
    if len(columns) == 1:
        (column,) = columns.values()
        items = [_one_line(value, 2) for value in column]
        # RapidJSON breaks the line before the bracket, and nowhere else.
        listed = f"[{', '.join(items)}\n{_INDENT}]" if items else "[]"
    else:
        rows = [_row(columns, place) for place in range(count)]
        listed = _lines("[", rows, "]", 1)
    return _encoded(_lines("{", [f'"predictions": {listed}'], "}", 0))


def _row_count(outputs: Mapping[str, np.ndarray]) -> int:
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    count = -1
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if count >= 0 and len(array) != count:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    return count


def _row(columns: Mapping[str, Sequence[Any]], place: int) -> str:
    members = [
        f"{_string(name)}: {_one_line(column[place], 3)}" for name, column in columns.items()
    ]
    return _lines("{", members, "}", 2)


def outputs(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The reply to a request in columnar format: whole tensors."""
    if not tensors:
        raise invalid("Cannot convert empty tensor map to JSON")
    if len(tensors) == 1:
        ((name, array),) = tensors.items()
        value = _many_lines(_texts(name, array), 1)
    else:
        members = [
            f"{_string(name)}: {_many_lines(_texts(name, array), 2)}"
            for name, array in sorted(tensors.items())
        ]
        value = _lines("{", members, "}", 1)
    return _encoded(_lines("{", [f'"outputs": {value}'], "}", 0))


def classifications(result: Any) -> bytes:
    """The reply to classify: for each Example a list of [label, score]."""
    items = [
        "["
        + ", ".join(f"[{_string(one.label)}, {decimal(one.score)}]" for one in example.classes)
        + "]"
        for example in result.classifications
    ]
    return _encoded(_lines("{", [f'"results": {_lines("[", items, "]", 1)}'], "}", 0))


def regressions(result: Any) -> bytes:
    """The reply to regress: a number for each Example."""
    values = ", ".join(decimal(one.value) for one in result.regressions)
    return _encoded(_lines("{", [f'"results": [{values}]'], "}", 0))


def error(message: str) -> bytes:
    """The reply to what cannot be served."""
    return _encoded(_lines("{", [f'"error": {_string(message)}'], "}", 0))


def decimal(value: float, *, is_double: bool = False) -> str:
    """A number as TF Serving writes it: six digits if they do, else all; NaN and Infinity bare."""
    if value != value:
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    if (float(text) if is_double else _single(float(text))) != value:
        text = f"{value:.{17 if is_double else 9}g}"
    return text if "." in text or "e" in text else text + ".0"


def _single(value: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:  # Six digits of the largest float can be more than it.
        return float("inf")


def _texts(name: str, array: np.ndarray) -> Any:
    """The array as nested lists of JSON texts; `bytes` where they are to be base64."""
    if array.dtype == object:
        is_bytes = name.endswith(_BYTES_SUFFIX)
        flat = [value if is_bytes else _string(_text(value)) for value in array.ravel()]
    elif array.dtype == bool:
        flat = ["true" if value else "false" for value in array.ravel()]
    elif array.dtype.kind in "iu":
        flat = [str(value) for value in array.ravel().tolist()]
    else:
        is_double = array.dtype == np.float64
        values = array.astype(np.float64).ravel().tolist()
        flat = [decimal(value, is_double=is_double) for value in values]
    return _nested(iter(flat), array.shape)


def _nested(flat: Iterator[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return next(flat)
    return [_nested(flat, shape[1:]) for _ in range(shape[0])]


def _one_line(value: Any, level: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_one_line(item, level + 1) for item in value)}]"
    return _base64(value, level) if isinstance(value, bytes) else value


def _many_lines(value: Any, level: int) -> str:
    if isinstance(value, list):
        return _lines("[", [_many_lines(item, level + 1) for item in value], "]", level)
    return _base64(value, level) if isinstance(value, bytes) else value


def _base64(value: bytes, level: int) -> str:
    return _lines("{", [f'"b64": "{base64.b64encode(value).decode()}"'], "}", level)


def _lines(opening: str, items: Sequence[str], closing: str, level: int) -> str:
    """Items on lines of their own, between brackets that are at a level of indentation."""
    if not items:
        return opening + closing
    outer, inner = "\n" + _INDENT * level, "\n" + _INDENT * (level + 1)
    return f"{opening}{inner}{f',{inner}'.join(items)}{outer}{closing}"


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
