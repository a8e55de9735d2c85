"""Bytes and numbers of a file, as TensorFlow's own operations find them in a string."""

from typing import Literal

import tensorflow as tf

Order = Literal["big", "little"]

# Not inlined: where a branch is not taken, each of its operations would still be passed through.
apart = tf.function(autograph=False, experimental_attributes={"_noinline": True})


def part(data: tf.Tensor, start: tf.Tensor | int, length: tf.Tensor | int) -> tf.Tensor:
    """Up to `length` bytes from `start`; what lies beyond the end is left out."""
    start = tf.minimum(start, tf.strings.length(data))
    return tf.strings.substr(data, start, tf.maximum(length, 0))


def numbers(
    data: tf.Tensor,
    start: tf.Tensor | int,
    count: int,
    dtype: tf.DType,
    *,
    order: Order = "little",
) -> tf.Tensor:
    """`count` numbers from `start`; where the data ends, zeros follow."""
    size = count * dtype.size
    return tf.io.decode_raw(
        part(data, start, size), dtype, little_endian=order == "little", fixed_length=size
    )
