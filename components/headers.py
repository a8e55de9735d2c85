"""What a file claims to be: its format, width and height, before anything is decoded."""

import io
import struct
import warnings

import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from components import gif
from components.quarantine import Rejected

# What `trainer.images.decode` reads; Pillow's names.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")

Header = tuple[str, int, int]

_PREFIX_BYTES = 16
_PNG = b"\x89PNG\r\n\x1a\n"


def read(encoded: bytes) -> Header | Rejected:
    """Format, width and height in pixels, as the first bytes claim them.

    Pillow tells formats apart and finds most sizes. Where it stumbles over what serving takes no
    notice of (comments that inflate, say), the size is looked for without it.
    """
    with warnings.catch_warnings():
        # Pillow warns of huge images; the caller's own limit decides about them.
        warnings.simplefilter("ignore")
        try:
            return _by_pillow(encoded)
        except UnidentifiedImageError:
            problem = Rejected("not_an_image", f"no image format begins with {encoded[:8]!r}")
        except Exception as error:
            problem = Rejected("undecodable", f"{type(error).__name__}: {error}")
    return _by_hand(encoded) or problem


def _by_pillow(encoded: bytes) -> Header:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            # A camera's JPEG with more pictures after the first, which is the one decoded.
            kind = "JPEG" if image.format == "MPO" else image.format
            return kind or "unknown", image.width, image.height
    except Image.DecompressionBombError:
        return _of_huge_image(encoded)


def _of_huge_image(encoded: bytes) -> Header:
    """The header of an image beyond Pillow's own limit, which is one for the whole process.

    Each format's own reader knows no limit, but for GIF's.
    """
    if encoded.startswith(b"GIF"):
        return "GIF", *gif.size(encoded)
    prefix = encoded[:_PREFIX_BYTES]
    for kind in Image.ID:
        factory, accepts = Image.OPEN[kind]
        if accepts and accepts(prefix) is True:
            with factory(io.BytesIO(encoded), "") as image:
                return kind, image.width, image.height
    raise UnidentifiedImageError


def _by_hand(encoded: bytes) -> Header | None:
    try:
        if encoded.startswith(_PNG) and encoded[12:16] == b"IHDR":
            return "PNG", *struct.unpack_from(">II", encoded, 16)
        if encoded.startswith(b"GIF8"):
            return "GIF", *gif.size(encoded)
        if encoded.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", encoded, 18)
            return "BMP", abs(width), abs(height)
        if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
            return "WEBP", *_webp_size(encoded)
        if encoded.startswith(b"\xff\xd8\xff"):
            height, width, _ = tf.image.extract_jpeg_shape(encoded).numpy().tolist()
            return "JPEG", width, height
    except (struct.error, tf.errors.OpError):
        return None
    return None


def _webp_size(encoded: bytes) -> tuple[int, int]:
    """Google's WebP container specification, and RFC 6386 section 9.1 for lossy images."""
    match encoded[12:16]:
        case b"VP8X":
            width, more, height, most = struct.unpack_from("<HBHB", encoded, 24)
            return 1 + width + (more << 16), 1 + height + (most << 16)
        case b"VP8L":
            [bits] = struct.unpack_from("<I", encoded, 21)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", encoded, 26)
    return width & 0x3FFF, height & 0x3FFF
