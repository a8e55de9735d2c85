"""Tensors between NumPy and TensorFlow's protos, as TF Serving reads and writes them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.serving.answers import invalid
from pipeline.serving.settings import MEBIBYTE

# A few bytes can claim any shape: TensorFlow repeats the last value to fill it.
MAX_TENSOR_BYTES = 128 * MEBIBYTE

_FIELDS: Mapping[str, str] = {
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "object": "string_val",
}


_TYPES: Mapping[int, tuple[str, type]] = {
    1: ("float", np.float32),
    2: ("double", np.float64),
    3: ("int32", np.int32),
    4: ("uint8", np.uint8),
    5: ("int16", np.int16),
    6: ("int8", np.int8),
    7: ("string", np.object_),
    9: ("int64", np.int64),
    10: ("bool", np.bool_),
    17: ("uint16", np.uint16),
    19: ("half", np.float16),
    22: ("uint32", np.uint32),
    23: ("uint64", np.uint64),
}
"""DataType -> its name in C++ and its NumPy type: `tensorflow/core/framework/types.proto`."""


def type_name(data_type: int) -> str:
    """TensorFlow's C++ name of a DataType: `float`, `string`, `int64`, ..."""
    if data_type in _TYPES:
        return _TYPES[data_type][0]
    import tensorflow as tf

    return tf.as_dtype(data_type).name


def numpy_type(data_type: int) -> Any:
    """The NumPy type of a DataType; `object`, for bytes, of a string."""
    if data_type in _TYPES:
        return np.dtype(_TYPES[data_type][1])
    import tensorflow as tf

    return np.dtype(tf.as_dtype(data_type).as_numpy_dtype)


def from_proto(proto: Any, *, alias: str) -> np.ndarray:
    """The array in a TensorProto.

    Raises:
      ServingError: it holds none, or claims one beyond any bound.
    """
    import tensorflow as tf

    try:
        item_size = numpy_type(proto.dtype).itemsize
        elements = math.prod(_dimensions(proto.tensor_shape))
        if elements * item_size > MAX_TENSOR_BYTES:
            raise invalid(f"tensor parsing error: {alias}: {elements} elements are too many")
        return np.asarray(tf.make_ndarray(proto))
    except (ValueError, TypeError, OverflowError, KeyError):
        raise invalid(f"tensor parsing error: {alias}") from None


def _dimensions(shape: Any) -> list[int]:
    sizes = [dimension.size for dimension in shape.dim]
    if shape.unknown_rank or any(size < 0 for size in sizes):
        raise ValueError("the shape is not known")
    return sizes


def to_proto(array: np.ndarray, data_type: int) -> Any:
    """A TensorProto with its values in the typed field, which many clients read directly."""
    from tensorflow.core.framework import tensor_pb2

    proto = tensor_pb2.TensorProto(dtype=data_type)  # pyright: ignore[reportAttributeAccessIssue]
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    # A scalar has a shape, too.
    proto.tensor_shape.SetInParent()
    values = array.ravel()
    field = _FIELDS.get(str(array.dtype))
    if field:
        getattr(proto, field).extend(values.tolist())
    elif array.dtype.itemsize == 2:  # float16 and bfloat16 travel as bits.
        proto.half_val.extend(values.view(np.uint16).tolist())
    else:
        proto.tensor_content = values.tobytes()
    return proto
