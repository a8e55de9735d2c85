"""Odd, broken and hostile files: each is accepted as serving reads it, or set aside cleanly."""

import hashlib
import io
import resource
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components import inspection
from components.inspection import Inspected
from components.quarantine import Rejected
from components.settings import IngestionSettings
from trainer import images

pytestmark = pytest.mark.graph

MAX_PIXELS = 1_000_000
KINDS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")


def encoded(kind, *, mode="RGB", alpha=None, **options):
    """An image file, 40 pixels wide and 30 high."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    if alpha is not None:
        image.putalpha(alpha)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def inspect(content, **limits):
    # The smallest and narrowest pictures are told apart by tests of their own.
    chosen = {"max_pixels": MAX_PIXELS, "min_size_pixels": 1, "max_aspect": 1e9, **limits}
    return inspection.inspect(content, IngestionSettings(**chosen))


def reason(content, **options):
    outcome = inspect(content, **options)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.message
    # TensorFlow's own words only, not the name of its op.
    assert "{{" not in outcome.message
    assert "[Op:" not in outcome.message
    return outcome.reason


def png_claiming(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff_claiming(width, height):
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "TIFF")
    content = bytearray(buffer.getvalue())
    for tag, value in ((256, width), (257, height)):
        place = content.index(struct.pack("<HHI", tag, 4, 1))
        struct.pack_into("<I", content, place + 8, value)
    return bytes(content)


def gif(*sizes, screen=(10, 10)):
    """A GIF whose frames claim these sizes and hold one pixel each."""
    colours = bytes([0, 0, 0, 255, 255, 255])
    start = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + colours
    frames = (
        b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0x80) + colours + b"\x02\x02\x44\x01\x00"
        for size in sizes
    )
    return start + b"".join(b"\x21\xf9\x04\0\0\0\0\0" + frame for frame in frames) + b";"


@pytest.mark.parametrize("kind", KINDS)
def test_image_is_described_by_its_content(kind):
    content = encoded(kind)
    digest = hashlib.sha256(content).hexdigest()
    served = images.decode(tf.constant(content)).numpy()
    found = inspect(content)
    assert found == Inspected(kind, height=30, width=40, sha256=digest, pixels=served)
    assert isinstance(found, Inspected)
    assert np.array_equal(found.pixels, served)


def test_camera_file_with_several_pictures_is_the_jpeg_that_serving_reads():
    second = Image.new("RGB", (20, 10))
    content = encoded("MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(content)).format == "MPO"
    outcome = inspect(content)
    assert isinstance(outcome, Inspected)
    assert (outcome.format, outcome.height, outcome.width) == ("JPEG", 30, 40)


def test_bitmap_of_four_channels_is_accepted():
    assert isinstance(inspect(encoded("BMP", mode="RGBA")), Inspected)


def test_animated_gif_is_accepted():
    content = encoded("GIF", save_all=True, append_images=[Image.new("RGB", (40, 30))] * 3)
    assert isinstance(inspect(content), Inspected)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello, I am no image", "not_an_image"),
        (b"\xff\xd8", "not_an_image"),
        (b"\0" * 1000, "not_an_image"),
        (encoded("TIFF"), "unsupported_format"),
        (encoded("ICO"), "unsupported_format"),
        (encoded("PPM"), "unsupported_format"),
        (encoded("JPEG")[:-300], "undecodable"),
        (encoded("PNG")[:-300], "undecodable"),
        (encoded("BMP")[:-300], "undecodable"),
        (encoded("WEBP")[:-300], "undecodable"),
        (encoded("BMP", mode="1"), "undecodable"),
        (encoded("WEBP", mode="RGBA", alpha=0), "undecodable"),
    ],
    ids=[
        "empty",
        "text",
        "two bytes of JPEG",
        "zeros",
        "TIFF",
        "ICO",
        "PPM",
        "half a JPEG",
        "half a PNG",
        "half a BMP",
        "half a WebP",
        "BMP of one bit",
        "WebP with alpha",
    ],
)
def test_file_that_serving_cannot_read_is_rejected_with_its_reason(content, code):
    assert reason(content) == code


def test_image_of_just_the_largest_size_is_accepted():
    content = encoded("PNG")
    assert isinstance(inspect(content, max_pixels=40 * 30), Inspected)
    assert reason(content, max_pixels=40 * 30 - 1) == "too_many_pixels"


@pytest.mark.parametrize(
    "content",
    [
        gif((65535, 65535), screen=(65535, 65535)),
        png_claiming(60_000, 60_000),
        png_claiming(2_000, 501),
        gif((2000, 501), (10, 10)),
    ],
    ids=[
        "GIF claiming 4.3 gigapixels",
        "PNG claiming 3.6 gigapixels",
        "PNG a little too large",
        "GIF with a large first frame",
    ],
)
def test_decompression_bomb_is_rejected_by_its_headers(content):
    assert len(content) < 5_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(content) == "too_many_pixels"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (png_claiming(20_000, 20_000), "undecodable"),
        (gif((10, 10), screen=(20_000, 20_000)), "undecodable"),
        (gif((20_000, 10_000), (10, 10), screen=(20_000, 10_000)), "undecodable"),
        (png_claiming(21_000, 20_000), "too_many_pixels"),
        (gif((21_000, 20_000)), "too_many_pixels"),
        (tiff_claiming(20_000, 20_000), "unsupported_format"),
    ],
    ids=["PNG", "GIF's screen", "GIF's frame", "larger PNG", "larger GIF", "TIFF"],
)
def test_the_limit_on_pixels_is_ours_and_not_that_of_pillow(content, code):
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(content))
    assert reason(content, max_pixels=20_000 * 20_000) == code


def test_frames_behind_the_first_take_no_room():
    frames = [Image.new("RGB", (40, 30), (number, 0, 0)) for number in range(100)]
    content = encoded("GIF", save_all=True, append_images=frames)
    outcome = inspect(content, max_pixels=40 * 30)
    assert isinstance(outcome, Inspected)
    assert (outcome.height, outcome.width) == (30, 40)


def damaged(content, rng):
    """The file with a few bytes changed, doubled or cut out, or its end missing."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(0, len(changed)))
        # The header is a small part of a file and decides most: half of all changes go there.
        place = place if rng.random() < 0.5 else place % 64
        match rng.integers(0, 4):
            case 0:
                changed[place] = rng.integers(0, 256)
            case 1:
                del changed[place : place + int(rng.integers(1, 40))]
            case 2:
                changed[place:place] = changed[place : place + int(rng.integers(1, 40))]
            case _:
                del changed[max(place, 8) :]
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_file_never_raises_and_what_is_accepted_is_decoded(kind):
    rng = np.random.default_rng(7)
    animated = {"save_all": True, "append_images": [Image.new("RGB", (40, 30))]}
    whole = encoded(kind, **(animated if kind == "GIF" else {}))
    outcomes = [(content, inspect(content)) for content in (damaged(whole, rng) for _ in range(80))]
    for content, outcome in outcomes:
        if isinstance(outcome, Inspected):
            pixels = images.decode(tf.constant(content))
            assert pixels.shape == (outcome.height, outcome.width, 3)
    # Damage that is never noticed would test little. A PNG's checksums notice all of it.
    kinds = {type(outcome) for _, outcome in outcomes}
    assert kinds == ({Rejected} if kind == "PNG" else {Inspected, Rejected})


def test_real_odd_files_are_accepted_as_serving_reads_them_or_rejected(odd_images):
    outcomes = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in sorted(odd_images.iterdir()):
        content = path.read_bytes()
        started = time.perf_counter()
        outcome = inspect(content, max_pixels=100_000_000)
        assert time.perf_counter() - started < 5, path.name
        if isinstance(outcome, Inspected):
            served = images.decode(tf.constant(content)).numpy()
            assert np.array_equal(outcome.pixels, served), path.name
        elif outcome.reason != "too_many_pixels":
            with pytest.raises(tf.errors.OpError):
                images.decode(tf.constant(content))
        outcomes[path.name] = getattr(outcome, "reason", "accepted")
    assert outcomes["pillow__decompression_bomb.gif"] == "too_many_pixels"
    assert outcomes["pillow__frozenpond.mpo"] == "accepted"
    assert outcomes["sharp__truncated.jpg"] == "undecodable"
    assert outcomes["pillow__12bit.cropped.tif"] == "unsupported_format"
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert growth < 500_000  # kilobytes


@pytest.mark.parametrize(
    ("size", "limits", "code"),
    [
        ((16, 15), {"min_size_pixels": 16}, "too_small"),
        ((15, 16), {"min_size_pixels": 16}, "too_small"),
        ((16, 16), {"min_size_pixels": 16}, None),
        ((201, 10), {"max_aspect": 20}, "extreme_aspect"),
        ((10, 201), {"max_aspect": 20}, "extreme_aspect"),
        ((200, 10), {"max_aspect": 20}, None),
    ],
)
def test_small_and_narrow_images_are_rejected_by_their_headers(size, limits, code):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    whole = inspect(buffer.getvalue(), **limits)
    assert getattr(whole, "reason", None) == code
    # Broken as it is: the header alone decided.
    cut = inspect(buffer.getvalue()[:60], **limits)
    assert isinstance(cut, Rejected)
    assert cut.reason == (code or "undecodable")
