"""The one image function, on made images of every kind that serving reads."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer import images

pytestmark = pytest.mark.graph


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(mode="RGB", size=(40, 30)):
    return Image.linear_gradient("L").resize(size).convert(mode)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_each_format_is_decoded(kind):
    pixels = images.decode(tf.constant(encoded(gradient(), kind)))
    assert pixels.shape == (30, 40, 3)
    assert pixels.dtype == tf.uint8


def test_grayscale_image_becomes_three_equal_channels():
    pixels = images.decode(tf.constant(encoded(gradient("L"), "PNG"))).numpy()
    assert pixels.shape == (30, 40, 3)
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert pixels.max() > 200


def test_alpha_is_dropped():
    image = gradient("RGBA")
    image.putalpha(0)
    pixels = images.decode(tf.constant(encoded(image, "PNG"))).numpy()
    assert np.array_equal(pixels, np.asarray(gradient("RGB")))


def test_sixteen_bits_become_eight():
    values = np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)
    pixels = images.decode(tf.constant(encoded(Image.fromarray(values), "PNG"))).numpy()
    assert pixels.dtype == np.uint8
    assert pixels[0, 0, 0] == 0
    assert pixels[-1, -1, 0] == 255


def test_cmyk_jpeg_becomes_rgb():
    pixels = images.decode(tf.constant(encoded(gradient("CMYK"), "JPEG")))
    assert pixels.shape == (30, 40, 3)


def test_first_frame_of_an_animation_is_taken():
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    animation = encoded(red, "GIF", save_all=True, append_images=[blue])
    assert images.decode(tf.constant(animation)).numpy()[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("broken", [b"", b"not an image", encoded(gradient(), "JPEG")[:200]])
def test_broken_bytes_raise(broken):
    with pytest.raises(tf.errors.InvalidArgumentError):
        images.decode(tf.constant(broken))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (75, 75), (500, 375), (31, 1000)])
def test_resize_gives_what_tensorflow_gives_to_the_bit(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    resized = tf.image.resize(pixels, [75, 75], antialias=True)
    expected = np.rint(resized.numpy()).clip(0, 255).astype(np.uint8)
    assert np.array_equal(images.resize(tf.constant(pixels), 75), expected)


def test_resize_gives_rounded_bytes_of_the_asked_size():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = tf.constant(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8))
    small = images.resize(image, 16)
    assert small.shape == (16, 16, 3)
    assert small.dtype == tf.uint8
    # With antialiasing a fine chequerboard turns grey; without, it stays black or white.
    assert np.abs(small.numpy().astype(int)[4:-4, 4:-4] - 128).max() <= 2


def test_a_batch_gets_the_same_pixels_in_a_graph_as_one_image_alone():
    files = [encoded(gradient(size=size), "JPEG") for size in ((40, 30), (200, 111), (7, 90))]
    alone = [images.resize(images.decode(tf.constant(file)), 24).numpy() for file in files]
    in_graph = tf.function(lambda batch: images.pixels_from_bytes(batch, 24))
    batch = in_graph(tf.constant(files)).numpy()
    assert np.array_equal(batch, np.stack(alone))


@pytest.mark.parametrize(
    ("scaling", "lowest", "highest"), [("minus_one_to_one", -1, 1), ("zero_to_one", 0, 1)]
)
def test_scaling_takes_bytes_to_its_range(scaling, lowest, highest):
    factor, offset = images.scaling_constants(scaling)
    assert (0 * factor + offset, 255 * factor + offset) == pytest.approx((lowest, highest))
