"""Is this file an image that serving can read? Decided with the decoder that serves."""

import hashlib
import io
import re
import warnings
from dataclasses import dataclass

import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from components import gif
from trainer import images

# What `trainer.images.decode` reads; Pillow's names.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")

# TensorFlow puts the name of its op around what it has to say.
_OP_NAME = re.compile(r"^\{\{.*?\}\} | \[Op:.*$")


@dataclass(frozen=True)
class Inspected:
    """An image that can be read.

    format: JPEG, PNG, GIF, BMP or WEBP, by content
    height, width: pixels, as the serving decoder sees them
    sha256: hex digest of the bytes
    """

    format: str
    height: int
    width: int
    sha256: str


@dataclass(frozen=True)
class Rejected:
    """A file that is set aside.

    reason: a code: `unreadable`, `empty`, `not_an_image`, `unsupported_format`,
      `too_many_pixels` or `undecodable`
    message: what a person should know
    """

    reason: str
    message: str


def inspect(encoded: bytes, *, max_pixels: int) -> Inspected | Rejected:
    """Check a file's header, then decode it.

    Args:
      encoded: the file's bytes.
      max_pixels: an image whose header claims more is rejected before it is decoded.
    """
    if not encoded:
        return Rejected("empty", "the file has no bytes")
    header = _header(encoded)
    if isinstance(header, Rejected):
        return header
    kind, width, height = header
    if kind not in FORMATS:
        return Rejected("unsupported_format", f"{kind} is none of {', '.join(FORMATS)}")
    if width * height > max_pixels:
        return Rejected("too_many_pixels", f"{width}x{height} is more than {max_pixels} pixels")
    if kind == "GIF" and (pixels := _frame_pixels(encoded)) > max_pixels:
        return Rejected(
            "too_many_pixels", f"all frames together take {pixels} pixels, more than {max_pixels}"
        )
    return _decoded(encoded, kind)


def _header(encoded: bytes) -> tuple[str, int, int] | Rejected:
    with warnings.catch_warnings():
        # Pillow warns of huge images; the caller's own limit decides about them.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                # A camera's JPEG with more pictures after the first, which is the one decoded.
                kind = "JPEG" if image.format == "MPO" else image.format
                return kind or "unknown", image.width, image.height
        except UnidentifiedImageError:
            return Rejected("not_an_image", f"no image format begins with {encoded[:8]!r}")
        except Image.DecompressionBombError as error:
            return Rejected("too_many_pixels", str(error))
        except Exception as error:
            return Rejected("undecodable", f"{type(error).__name__}: {error}")


def _frame_pixels(encoded: bytes) -> int:
    """Pixels that TensorFlow makes room for: every frame, and the largest width and height.

    It unpacks all frames to give the first, and takes no notice of the screen's size: a file
    of 600 KB with a second frame of 30000x30000 takes five gigabytes.
    """
    sizes = list(gif.frame_sizes(encoded))
    if not sizes:
        return 0
    widths, heights = zip(*sizes, strict=True)
    return max(sum(width * height for width, height in sizes), max(widths) * max(heights))


def _decoded(encoded: bytes, kind: str) -> Inspected | Rejected:
    try:
        height, width, _ = images.decode(tf.constant(encoded)).numpy().shape
    except tf.errors.OpError as error:
        return Rejected("undecodable", _OP_NAME.sub("", error.message))
    return Inspected(kind, height, width, hashlib.sha256(encoded).hexdigest())
