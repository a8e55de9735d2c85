"""The images of a request: what can be read is, whatever stands beside it."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer import images, served_images

pytestmark = pytest.mark.graph

SIZE = 24
MAX_PIXELS = 1_000_000
KINDS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
MOST_GROWTH_KILOBYTES = 100_000


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def made(kind, seed=0, **options):
    noise = np.random.default_rng(seed).integers(0, 256, (30 + seed, 40, 3), np.uint8)
    return encoded(Image.fromarray(noise), kind, **options)


def turned(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    return made(kind, exif=exif)


WHOLE = [*map(made, KINDS), *map(turned, ("JPEG", "PNG", "WEBP"))]


def read(files):
    in_graph = tf.function(
        lambda batch: served_images.read(batch, size=SIZE, max_pixels=MAX_PIXELS)
    )
    pixels, errors = in_graph(tf.constant(files, tf.string))
    return pixels.numpy(), [error.decode() for error in errors.numpy()]


def test_pixels_are_those_of_the_one_image_function():
    pixels, errors = read(WHOLE)
    assert np.array_equal(pixels, images.pixels_from_bytes(tf.constant(WHOLE), SIZE))
    assert errors == [""] * len(WHOLE)


def test_no_images_give_no_pixels():
    pixels, errors = read([])
    assert pixels.shape == (0, SIZE, SIZE, 3)
    assert errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_named_by_its_format_and_fails_no_other(kind):
    cut = made(kind)[: 60 if kind == "GIF" else 300]
    pixels, errors = read([WHOLE[0], cut, WHOLE[1]])
    name = "WebP" if kind == "WEBP" else kind
    assert errors == ["", f"damaged, truncated or unsupported {name}", ""]
    assert not pixels[1].any()
    assert np.array_equal(pixels[::2], images.pixels_from_bytes(tf.constant(WHOLE[:2]), SIZE))


def test_what_is_no_image_is_told():
    _, errors = read([b"", b"text", made("TIFF")])
    unknown = "not a JPEG, PNG, GIF, BMP or WebP file"
    assert errors == ["the file has no bytes", unknown, unknown]


def huge_headers():
    """A few bytes each that claim gigapixels."""
    size = struct.pack(">II", 66_000, 66_000)
    yield "66000x66000", made("PNG")[:16] + size + made("PNG")[24:]
    size = struct.pack("<ii", 66_000, -66_000)
    yield "66000x66000", made("BMP")[:18] + size + made("BMP")[26:]
    edge = struct.pack("<HH", 65_535, 65_535)
    yield "65535x65535", b"GIF89a" + bytes(7) + b"," + bytes(4) + edge + b"\0\2\2\x44\1\0;"
    yield "16384x16384", b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + b"\xff\xff\xff\xff"
    whole = made("JPEG")
    at = whole.index(b"\xff\xc0\0\x11\x08") + 5
    yield "65000x65000", whole[:at] + struct.pack(">HH", 65_000, 65_000) + whole[at + 4 :]


def test_headers_that_claim_gigapixels_are_refused():
    claimed, files = zip(*huge_headers(), strict=True)
    _, errors = read(files)
    assert errors == [f"claims {size} pixels, more than {MAX_PIXELS}" for size in claimed]


def bombs():
    """Small files that unfold to 192 MB."""
    flat = Image.new("P", (8000, 8000))
    small = Image.new("P", (40, 30), 1)
    yield encoded(flat, "PNG")
    yield encoded(flat, "GIF")
    yield encoded(flat.convert("L"), "JPEG", progressive=True)
    yield encoded(flat.convert("RGB"), "WEBP", lossless=True)
    yield encoded(small, "GIF", save_all=True, append_images=[flat] * 4)


_GROWTH = """
import pathlib, sys
folder, *sys.path[:0] = sys.argv[1:]
import test_served_images as tested
def peak():  # Not ru_maxrss, which begins at that of the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
tested.read(tested.WHOLE)
before = peak()
_, errors = tested.read([path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())])
print(errors)
print(peak() - before)
"""


def test_memory_stays_bounded_whatever_a_file_unfolds_to(tmp_path):
    """In a process of its own, whose peak is that of these files."""
    for number, content in enumerate(bombs()):
        (tmp_path / str(number)).write_bytes(content)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", _GROWTH, str(tmp_path), here, *sys.path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    *_, errors, growth = ended.stdout.splitlines()
    refused = f"claims 8000x8000 pixels, more than {MAX_PIXELS}"
    assert errors == str([refused] * 4 + [""])  # Of the animation, the first frame is small.
    assert int(growth) < MOST_GROWTH_KILOBYTES
