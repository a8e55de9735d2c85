"""Is this file an image that serving can read? Decided with the decoder that serves."""

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from components import headers
from components.quarantine import Rejected
from components.settings import IngestionSettings
from trainer import images

# Around what a decoder has to say, TensorFlow puts where in the graph its op is.
_SAID = re.compile(r"(?:.*\n\n)?(.*?)\n\t \[\[\{\{node .*", re.DOTALL)


@dataclass(frozen=True)
class Inspected:
    """An image that can be read.

    format: JPEG, PNG, GIF, BMP or WEBP, by content
    height, width: pixels, as the serving decoder sees them
    sha256: hex digest of the bytes
    pixels: uint8 [height, width, 3], to be measured and let go
    """

    format: str
    height: int
    width: int
    sha256: str
    pixels: np.ndarray = field(compare=False, repr=False)


def inspect(encoded: bytes, limits: IngestionSettings) -> Inspected | Rejected:
    """Check a file's header, then decode it.

    Args:
      encoded: the file's bytes.
      limits: an image whose header claims more is rejected before it is decoded.
    """
    if not encoded:
        return Rejected("empty", "the file has no bytes")
    header = headers.read(encoded)
    if isinstance(header, Rejected):
        return header
    kind, width, height = header
    if kind not in headers.FORMATS:
        return Rejected("unsupported_format", f"{kind} is none of {', '.join(headers.FORMATS)}")
    refused = _beyond_limits(width, height, limits)
    if refused:
        return refused
    return _decoded(encoded, kind)


def _beyond_limits(width: int, height: int, limits: IngestionSettings) -> Rejected | None:
    size = f"{width}x{height}"
    shorter, longer = sorted((width, height))
    if width * height > limits.max_pixels:
        return Rejected("too_many_pixels", f"{size} is more than {limits.max_pixels} pixels")
    if shorter < limits.min_size_pixels:
        return Rejected("too_small", f"{size} has a side under {limits.min_size_pixels} pixels")
    if longer > limits.max_aspect * shorter:
        return Rejected(
            "extreme_aspect", f"{size} is more than {limits.max_aspect:g} times as long as wide"
        )
    return None


def _decoded(encoded: bytes, kind: str) -> Inspected | Rejected:
    try:
        pixels = _decoder()(tf.constant(encoded)).numpy()
    except tf.errors.OpError as error:
        return Rejected("undecodable", _SAID.sub(r"\1", error.message))
    height, width, _ = pixels.shape
    return Inspected(kind, height, width, hashlib.sha256(encoded).hexdigest(), pixels)


@functools.cache
def _decoder() -> Callable[[tf.Tensor], tf.Tensor]:
    """The decoder that serves, traced once: so it is run in serving, and a fifth faster."""
    signature = [tf.TensorSpec([], tf.string)]
    traced = tf.function(images.decode, input_signature=signature, autograph=False)
    return traced.get_concrete_function()
