"""What an image file claims to be: its format, and its size before anything is decoded.

Sources: PNG third edition, Windows' bitmap headers, Google's WebP container specification, and
RFC 6386 section 9.1 for lossy WebP.
"""

import tensorflow as tf

from trainer import first_frame, octets

JPEG = "JPEG"

# The first bytes, by which TensorFlow's decoder tells the formats apart, too.
_STARTS = {JPEG: b"\xff\xd8\xff", "PNG": b"\x89PNG", "GIF": b"GIF8", "BMP": b"BM"}
_WEBP = "WebP"
_HEAD_BYTES = 12
# Where width and height are: of the whole canvas, both of a lossless image, and of a lossy one.
_WEBP_AT = (24, 27, 21, 26, 28)


def kinds(encoded: tf.Tensor) -> tf.Tensor:
    """The formats of some files: string [N] -> JPEG, PNG, GIF, BMP, WebP or empty, string [N]."""
    heads = tf.strings.substr(encoded, 0, _HEAD_BYTES) + b"\0" * _HEAD_BYTES
    is_webp = (tf.strings.substr(heads, 0, 4) == b"RIFF") & (
        tf.strings.substr(heads, 8, 4) == b"WEBP"
    )
    found = tf.where(is_webp, _WEBP, "")
    for kind, start in _STARTS.items():
        found = tf.where(tf.strings.substr(heads, 0, len(start)) == start, kind, found)
    return found


def is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Whether a file is a JPEG: string scalar -> bool scalar."""
    return octets.part(encoded, 0, 3) == _STARTS[JPEG]


@octets.apart
def size(encoded: tf.Tensor) -> tf.Tensor:
    """Read the size in the header of a PNG, GIF (its first frame), BMP or WebP file.

    A JPEG's is `tf.io.extract_jpeg_shape`, which raises where the header is damaged.

    Args:
      encoded: string scalar; any bytes.

    Returns:
      int64 [height, width]; zeros for another file, and nonsense where the header is damaged.
    """
    kind = kinds(encoded)
    readers = {"PNG": _of_png, "GIF": first_frame.size, "BMP": _of_bmp, _WEBP: _of_webp}
    return tf.case(
        [(kind == name, lambda read=read: read(encoded)) for name, read in readers.items()],
        default=lambda: tf.zeros(2, tf.int64),
    )


def _of_png(encoded: tf.Tensor) -> tf.Tensor:
    # Beyond 31 bits the sign is nonsense, as such a size is.
    return tf.abs(tf.cast(octets.numbers(encoded, 16, 2, tf.int32, order="big")[::-1], tf.int64))


def _of_bmp(encoded: tf.Tensor) -> tf.Tensor:
    # A negative height says that the topmost row comes first.
    return tf.abs(tf.cast(octets.numbers(encoded, 18, 2, tf.int32)[::-1], tf.int64))


def _of_webp(encoded: tf.Tensor) -> tf.Tensor:
    numbers = [tf.cast(octets.numbers(encoded, at, 1, tf.int32)[0], tf.int64) for at in _WEBP_AT]
    extended_width, extended_height, lossless, lossy_width, lossy_height = numbers
    chunk = octets.part(encoded, 12, 4)
    extended = 1 + tf.stack([extended_height & 0xFFFFFF, extended_width & 0xFFFFFF])
    bits = tf.stack([tf.bitwise.right_shift(lossless, 14), lossless])
    lossy = tf.stack([lossy_height, lossy_width])
    other = tf.where(chunk == b"VP8L", 1 + (bits & 0x3FFF), lossy & 0x3FFF)
    return tf.where(chunk == b"VP8X", extended, other)
