"""What can be seen of a file is shown small; what cannot is nothing, and never an error."""

import io

import pytest
from PIL import Image

from pipeline.glimpses import glimpse


def encoded(picture, kind):
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_picture_becomes_small_and_rgb(kind):
    content = encoded(Image.new("CMYK" if kind != "PNG" else "L", (300, 100)), kind)
    seen = glimpse(content, side=60, max_pixels=30_000)
    assert seen is not None
    assert (seen.mode, seen.size) == ("RGB", (60, 20))


def test_more_pixels_than_allowed_are_not_decoded():
    content = encoded(Image.new("L", (300, 100)), "PNG")
    assert glimpse(content, side=60, max_pixels=29_999) is None


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n and no more"])
def test_what_is_no_picture_is_nothing(content):
    assert glimpse(content, side=60, max_pixels=30_000) is None


def test_format_that_nobody_should_open_unknown_is_nothing():
    assert glimpse(encoded(Image.new("RGB", (9, 9)), "PDF"), side=60, max_pixels=900) is None
    assert glimpse(encoded(Image.new("RGB", (9, 9)), "PCX"), side=60, max_pixels=900) is None


def test_picture_is_turned_as_its_exif_asks():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    file = io.BytesIO()
    Image.new("RGB", (300, 100)).save(file, "JPEG", exif=exif)
    seen = glimpse(file.getvalue(), side=60, max_pixels=30_000)
    assert seen is not None
    assert seen.size == (20, 60)
