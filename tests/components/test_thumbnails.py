import numpy as np
import pytest

from components.thumbnails import LEVELS, WHITE, luma, make, shrink


def noise(height, width, *, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_copy_of_a_third_of_the_size_is_the_sum_of_each_area():
    pixels = noise(30, 60)
    areas = pixels.reshape(10, 3, 20, 3, 3).sum(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_array_equal(shrink(pixels, height=10, width=20), areas)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((375, 500), (96, 128)),
        ((500, 375), (128, 96)),
        ((90, 100), (90, 100)),
        ((1, 5000), (1, 128)),
    ],
)
def test_a_thumbnail_keeps_the_shape_and_is_never_larger_than_the_image(shape, expected):
    assert make(noise(*shape)).shape == (3, *expected)


def test_a_copy_of_the_same_size_is_the_image():
    pixels = noise(5, 7)
    copy = shrink(pixels, height=5, width=7)
    np.testing.assert_array_equal(copy / LEVELS * 255, pixels.transpose(2, 0, 1))


def test_a_cell_covers_the_part_of_a_pixel_that_is_its_own():
    pixels = np.repeat(np.array([[[0], [90], [180]]], np.uint8), 3, axis=2)  # 3 wide, to be 2
    left, right = shrink(pixels, height=1, width=2)[0, 0] / 9
    assert (left, right) == (30, 150)  # two thirds of the outer pixel, a third of the middle


def test_a_huge_image_is_sampled_evenly():
    ramp = np.linspace(0, 255, 6000).astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (4000, 6000, 3))
    copy = shrink(pixels, height=2, width=3) / 9
    np.testing.assert_allclose(copy, np.broadcast_to([42.5, 127.5, 212.5], (3, 2, 3)), atol=1)


def test_a_small_image_is_enlarged_by_repetition():
    pixels = noise(1, 2)
    copy = shrink(pixels, height=2, width=4)
    np.testing.assert_array_equal(copy[:, :, :2], np.repeat(copy[:, :1, :1], 2, 1).repeat(2, 2))
    np.testing.assert_array_equal(copy[:, 0, 2] / 9, pixels[0, 1])


def test_it_reads_any_memory_layout():
    pixels = noise(30, 50)
    flipped = np.asfortranarray(pixels)[::-1, ::-1]
    np.testing.assert_array_equal(
        shrink(flipped, height=8, width=8),
        shrink(np.ascontiguousarray(flipped), height=8, width=8),
    )


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0, 0, 0), 0),
        ((255, 255, 255), 1),
        ((255, 0, 0), 0.299),
        ((0, 255, 0), 0.587),
        ((0, 0, 255), 0.114),
    ],
)
def test_luma_weighs_the_channels_as_bt_601_does(colour, expected):
    pixels = np.full((3, 4, 3), colour, np.uint8)
    value = luma(shrink(pixels, height=3, width=4)).astype(float) / WHITE
    np.testing.assert_array_equal(value, np.full((3, 4), expected))
