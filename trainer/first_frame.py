"""A GIF cut off behind its first frame, by TensorFlow's own operations.

TensorFlow's decoder unpacks every frame to give the first: 600 KB can take gigabytes.

Source: GIF89a specification (CompuServe, 1990).
"""

from typing import NamedTuple

import tensorflow as tf

from trainer import octets

_HEADER_BYTES = 13  # signature, screen size, flags, background, aspect
_FLAGS_AT = 10
_FRAME, _EXTENSION, _TRAILER = 0x2C, 0x21, b";"
_FRAME_BYTES = 11  # with the byte that says how wide the first code is

# Sub-blocks of one length are passed through together: an encoder fills all of them but the last.
_RUN = 256
# So a frame takes a handful of steps. What takes more is built to waste time, and no image.
_MOST_STEPS = 4096

_AT_BLOCK, _IN_DATA, _WHOLE, _LOST = range(4)


class _Walk(NamedTuple):
    """Where one is in the file.

    place: the next byte
    state: what is there: a block, sub-blocks of data, the end of a whole frame, or nothing known
    frame: where the first frame begins; -1 before
    """

    place: tf.Tensor
    state: tf.Tensor
    frame: tf.Tensor


def only(encoded: tf.Tensor) -> tf.Tensor:
    """Leave out what follows the first frame of a GIF.

    Args:
      encoded: string scalar; any bytes.

    Returns:
      string scalar: what is no GIF, or a GIF without a whole frame, as it is; no bytes at all
      where the first frame has no end within reason.
    """
    is_gif = octets.part(encoded, 0, 4) == b"GIF8"
    return tf.cond(is_gif, lambda: _cut(encoded), lambda: tf.identity(encoded))


def size(encoded: tf.Tensor) -> tf.Tensor:
    """What the first frame of a GIF claims: int64 [height, width], zeros where there is none."""
    frame = _walk(encoded).frame
    numbers = octets.numbers(encoded, tf.maximum(frame, 0) + 5, 2, tf.uint16)
    return tf.where(frame < 0, tf.zeros(2, tf.int64), tf.cast(numbers[::-1], tf.int64))


@octets.apart
def _cut(encoded: tf.Tensor) -> tf.Tensor:
    end = _walk(encoded)
    whole = octets.part(encoded, 0, end.place) + _TRAILER
    is_endless = (end.state < _WHOLE) & (end.place < tf.strings.length(encoded))
    left = tf.where(is_endless, b"", encoded)
    return tf.where(end.state == _WHOLE, whole, left)


@octets.apart
def _walk(encoded: tf.Tensor) -> _Walk:
    end = tf.strings.length(encoded)
    colours = _colour_table_bytes(_bytes(encoded, _FLAGS_AT, 1)[0])
    return tf.while_loop(
        lambda place, state, _: (state < _WHOLE) & (place < end),
        lambda *walk: tf.cond(
            walk[1] == _IN_DATA,
            lambda: _through_data(encoded, _Walk(*walk)),
            lambda: _into_block(encoded, _Walk(*walk)),
        ),
        _Walk(_HEADER_BYTES + colours, tf.constant(_AT_BLOCK), tf.constant(-1)),
        maximum_iterations=_MOST_STEPS,
    )


def _into_block(encoded: tf.Tensor, walk: _Walk) -> _Walk:
    head = _bytes(encoded, walk.place, _FRAME_BYTES)
    is_frame, is_extension = head[0] == _FRAME, head[0] == _EXTENSION
    behind_frame = _FRAME_BYTES + _colour_table_bytes(head[9])
    return _Walk(
        walk.place + tf.where(is_frame, behind_frame, 2),
        tf.where(is_frame | is_extension, _IN_DATA, _LOST),
        tf.where(is_frame, walk.place, walk.frame),
    )


def _through_data(encoded: tf.Tensor, walk: _Walk) -> _Walk:
    """Sub-blocks: the length of the content, content; one without content is the last."""
    length = _bytes(encoded, walk.place, 1)[0]
    stride = length + 1
    lengths = tf.io.decode_raw(octets.part(encoded, walk.place, stride * _RUN), tf.uint8)
    is_alike = tf.cast(lengths[::stride], tf.int32) == length
    count = tf.reduce_sum(tf.math.cumprod(tf.cast(is_alike, tf.int32)))
    is_last = length == 0
    behind = tf.where(walk.frame < 0, _AT_BLOCK, _WHOLE)
    return _Walk(
        walk.place + tf.where(is_last, 1, count * stride),
        tf.where(is_last, behind, _IN_DATA),
        tf.identity(walk.frame),
    )


def _colour_table_bytes(flags: tf.Tensor) -> tf.Tensor:
    return tf.where(flags & 0x80 > 0, tf.bitwise.left_shift(3, (flags & 7) + 1), 0)


def _bytes(data: tf.Tensor, start: tf.Tensor | int, count: int) -> tf.Tensor:
    return tf.cast(octets.numbers(data, start, count, tf.uint8), tf.int32)
