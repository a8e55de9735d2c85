"""EXIF orientation: how a camera was held, read and applied with TensorFlow's own operations.

`tf.io.decode_image` takes no notice of it. What is here runs wherever the decoder does, TF
Serving included: no Python at run time, and every loop has a bound.

Sources: EXIF 2.32 (JEITA CP-3451), TIFF 6.0 section 2, ITU T.81 annex B (JPEG segments), PNG
third edition (eXIf), and Google's WebP container specification.
"""

from collections.abc import Callable

import tensorflow as tf

from trainer import octets

_EXIF = b"Exif\0\0"

# A PNG's eXIf may come after its IDAT chunks, of 8 KB each at libpng's default: 32 MB of them.
_MOST_CHUNKS = 4096

# For orientation 1..8, once 5..8 are transposed: whether the rows, and the columns, are reversed.
_MIRRORED = (
    (False, False),
    (False, True),
    (True, True),
    (True, False),
    (False, False),
    (False, True),
    (True, True),
    (True, False),
)

# The eight bytes at the start of a chunk, as two int32 numbers.
_Head = tuple[tf.Tensor, tf.Tensor]


# A graph of its own: dispatched one by one from Python, its operations take milliseconds.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def orientation_of(encoded: tf.Tensor) -> tf.Tensor:
    """Read the EXIF orientation of an image file.

    Args:
      encoded: string scalar; any bytes.

    Returns:
      int32 scalar in 1..8: where there is none, or what is there is malformed, 1 (upright).
      Read are JPEG's first EXIF segment, PNG's eXIf chunk and WebP's EXIF chunk; XMP, and the
      text chunks in which ImageMagick keeps EXIF in PNG, are not.
    """
    # Most files have none, and to search one is several times faster than to walk through it.
    first = tf.strings.substr(encoded, 0, 1)
    name = tf.where(first == b"\xff", _EXIF, tf.where(first == b"R", b"EXIF", b"eXIf"))
    parts = tf.raw_ops.StringSplitV2(input=encoded[tf.newaxis], sep=name, maxsplit=1)
    return tf.cond(tf.size(parts.values) > 1, lambda: _search(encoded), _no_turn)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror an image as its EXIF orientation asks.

    Args:
      image: [height, width, channels], as it is stored.
      orientation: int32 scalar in 1..8.

    Returns:
      [height, width, channels], as a viewer shows it; 5..8 swap height and width.
    """

    def turned() -> tf.Tensor:
        swapped = tf.cond(
            orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: tf.identity(image)
        )
        mirrored = tf.gather(_MIRRORED, orientation - 1)
        return tf.reverse(swapped, tf.boolean_mask([0, 1], mirrored))

    result = tf.cond(orientation > 1, turned, lambda: tf.identity(image))
    return tf.ensure_shape(result, [None, None, image.shape[2]])


@octets.apart
def _search(encoded: tf.Tensor) -> tf.Tensor:
    readers = [
        (octets.part(encoded, 0, 3) == b"\xff\xd8\xff", lambda: _exif_of_jpeg(encoded)),
        (octets.part(encoded, 0, 8) == b"\x89PNG\r\n\x1a\n", lambda: _exif_of_png(encoded)),
        (octets.part(encoded, 8, 8) == b"WEBPVP8X", lambda: _exif_of_webp(encoded)),
    ]
    exif = tf.case(readers, default=lambda: tf.constant(b""))
    skip = tf.where(octets.part(exif, 0, len(_EXIF)) == _EXIF, len(_EXIF), 0)
    tiff = octets.part(exif, skip, tf.strings.length(exif))
    readers = [
        (octets.part(tiff, 0, 4) == b"II*\0", lambda: _of_tiff(tiff, little_endian=True)),
        (octets.part(tiff, 0, 4) == b"MM\0*", lambda: _of_tiff(tiff, little_endian=False)),
    ]
    return tf.case(readers, default=_no_turn)


@octets.apart
def _exif_of_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Segments: 0xFF, a code, the length of what follows (its own two bytes count), content."""

    def marker(head: _Head) -> tf.Tensor:
        return tf.bitwise.right_shift(head[0], 16) & 0xFFFF

    def is_exif(head: _Head) -> tf.Tensor:
        return (marker(head) == 0xFFE1) & (head[1] == _number(b"Exif", "big"))

    def is_last(head: _Head) -> tf.Tensor:
        return is_exif(head) | (marker(head) == 0xFFDA)

    def size(head: _Head) -> tf.Tensor:
        code = marker(head)
        # Fill bytes, stray bytes, markers without content: look again one byte further on.
        bare = (code < 0xFFC0) | (code == 0xFFFF) | (code & 0xFFF8 == 0xFFD0)
        return tf.where(bare, 1, 2 + (head[0] & 0xFFFF))

    start, head = _walk(encoded, 2, order="big", is_last=is_last, size=size)
    length = tf.where(is_exif(head), (head[0] & 0xFFFF) - 2, 0)
    return octets.part(encoded, start + 4, length)


@octets.apart
def _exif_of_png(encoded: tf.Tensor) -> tf.Tensor:
    """Chunks: the length of the content, a type, content, a checksum of four bytes."""

    def is_exif(head: _Head) -> tf.Tensor:
        return head[1] == _number(b"eXIf", "big")

    def size(head: _Head) -> tf.Tensor:
        return 12 + head[0]

    start, head = _walk(encoded, 8, order="big", is_last=is_exif, size=size)
    return octets.part(encoded, start + 8, tf.where(is_exif(head), head[0], 0))


@octets.apart
def _exif_of_webp(encoded: tf.Tensor) -> tf.Tensor:
    """Chunks: a type, the length of the content, content, padded to an even length."""

    def is_exif(head: _Head) -> tf.Tensor:
        return head[0] == _number(b"EXIF", "little")

    def size(head: _Head) -> tf.Tensor:
        return 8 + head[1] + (head[1] & 1)

    start, head = _walk(encoded, 12, order="little", is_last=is_exif, size=size)
    # Without its flag in the first chunk, VP8X, readers take no notice of the chunk.
    flags = tf.io.decode_raw(octets.part(encoded, 20, 1), tf.uint8, fixed_length=1)[0]
    found = tf.logical_and(is_exif(head), flags & 0b1000 > 0)
    return octets.part(encoded, start + 8, tf.where(found, head[1], 0))


def _walk(
    encoded: tf.Tensor,
    start: int,
    *,
    order: octets.Order,
    is_last: Callable[[_Head], tf.Tensor],
    size: Callable[[_Head], tf.Tensor],
) -> tuple[tf.Tensor, _Head]:
    """Go from chunk to chunk: where the last one begins, or where the file ends, and its head.

    Args:
      encoded: the file.
      start: where its first chunk begins.
      order: of the bytes in a number.
      is_last: whether to stop at this chunk.
      size: bytes from this chunk to the next one; nonsense (0 or less) leads to the end.
    """
    end = tf.strings.length(encoded)

    def head_at(position: tf.Tensor) -> _Head:
        first, second = tf.unstack(octets.numbers(encoded, position, 2, tf.int32, order=order))
        return first, second

    def step(position: tf.Tensor, head: _Head) -> tuple[tf.Tensor, _Head]:
        ahead, left = size(head), end - position
        position += tf.where(ahead > 0, tf.minimum(ahead, left), left)
        return position, head_at(position)

    first = tf.minimum(start, end)
    return tf.while_loop(
        lambda position, head: tf.logical_and(position < end, tf.logical_not(is_last(head))),
        step,
        (first, head_at(first)),
        maximum_iterations=_MOST_CHUNKS,
    )


@octets.apart
def _of_tiff(tiff: tf.Tensor, *, little_endian: bool) -> tf.Tensor:
    order = "little" if little_endian else "big"
    end = tf.strings.length(tiff)
    offset = octets.numbers(tiff, 4, 1, tf.int32, order=order)[0]
    offset = tf.where(offset < 0, end, tf.minimum(offset, end))
    count = tf.cast(octets.numbers(tiff, offset, 1, tf.uint16, order=order)[0], tf.int32)
    # Entries that the data does not reach are left out.
    size = 12 * tf.minimum(count, tf.maximum(end - offset - 2, 0) // 12)
    entries = tf.io.decode_raw(
        octets.part(tiff, offset + 2, size), tf.uint16, little_endian=little_endian
    )
    entries = tf.reshape(tf.cast(entries, tf.int32), [-1, 6])
    # Tag 0x0112, type SHORT, one value; the count has 32 bits, so its halves have an order too.
    wanted = [0x0112, 3, 1, 0] if little_endian else [0x0112, 3, 0, 1]
    values = tf.boolean_mask(entries[:, 4], tf.reduce_all(entries[:, :4] == wanted, axis=1))
    value = tf.concat([[1], values], axis=0)[-1]
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _no_turn() -> tf.Tensor:
    return tf.constant(1)


def _number(code: bytes, order: octets.Order) -> int:
    return int.from_bytes(code, order)
