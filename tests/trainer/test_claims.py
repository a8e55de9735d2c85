"""The format and size that a header claims, without decoding."""

import io

import pytest
import tensorflow as tf
from PIL import Image

from trainer import claims

pytestmark = pytest.mark.graph

KINDS = ("JPEG", "PNG", "GIF", "BMP", "WebP")


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 20), "red").save(buffer, kind, **options)
    return buffer.getvalue()


def test_formats_are_told_apart_by_their_first_bytes():
    others = [b"", b"B", b"RIFF\0\0\0\0WAVE", encoded("TIFF"), b"RIFFWEBP"]
    kinds = claims.kinds(tf.constant([*map(encoded, KINDS), *others])).numpy().tolist()
    assert kinds == [*(kind.encode() for kind in KINDS), *(b"" for _ in others)]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WebP", {}),
        ("WebP", {"lossless": True}),
        ("WebP", {"exif": b"Exif\0\0II*\0"}),
    ],
)
def test_size_is_that_of_the_header(kind, options):
    assert claims.size(tf.constant(encoded(kind, **options))).numpy().tolist() == [20, 300]


def test_size_of_a_bitmap_that_begins_with_its_topmost_row_is_positive():
    bitmap = bytearray(encoded("BMP"))
    bitmap[22:26] = (-20).to_bytes(4, "little", signed=True)
    assert claims.size(tf.constant(bytes(bitmap))).numpy().tolist() == [20, 300]


@pytest.mark.parametrize("broken", [b"", b"text", b"\x89PNG", b"GIF8", b"BM", b"RIFF    WEBPVP8X"])
def test_what_ends_early_claims_something_all_the_same(broken):
    assert claims.size(tf.constant(broken)).shape == (2,)
