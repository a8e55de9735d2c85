import dataclasses
import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from components import properties, thumbnails

BLACK, GREY, WHITE = (0, 0, 0), (128, 128, 128), (255, 255, 255)
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def measure(pixels):
    height, width, _ = pixels.shape
    return properties.measure(thumbnails.make(pixels), aspect=width / height)


def flat(colour, *, height=60, width=80):
    return np.full((height, width, 3), colour, np.uint8)


def halves(left, right):
    return np.concatenate([flat(left), flat(right)], axis=1)


def chequerboard(side):
    squares = np.indices((side, side)).sum(axis=0) % 2 * 255
    return np.repeat(squares[..., None], 3, axis=2).astype(np.uint8)


def picture(*, height=768, width=1024, seed=0):
    """Detail of every size, as in a photograph: noise, coarse to fine, added up."""
    rng = np.random.default_rng(seed)
    total = np.full((height, width, 3), 128.0)
    for cell in (4, 8, 16, 32, 64, 128):
        coarse = rng.normal(0, 12, (height // cell, width // cell, 3))
        total += coarse.repeat(cell, axis=0).repeat(cell, axis=1)
    return total.clip(0, 255).astype(np.uint8)


def at_half_size(pixels):
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX))


def blurred(pixels, radius):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


@pytest.mark.parametrize(("height", "width"), [(300, 600), (1, 2), (5000, 10000)])
def test_aspect_is_width_over_height(height, width):
    assert measure(np.broadcast_to(np.uint8(9), (height, width, 3))).aspect == 2


@pytest.mark.parametrize(("colour", "brightness"), [(BLACK, 0), (WHITE, 1), (GREEN, 0.587)])
def test_one_colour_has_its_luma_as_brightness_and_nothing_to_see(colour, brightness):
    measured = measure(flat(colour))
    assert measured.brightness == brightness
    assert (measured.contrast, measured.sharpness) == (0, 0)


def test_black_beside_white_has_the_greatest_contrast():
    assert measure(halves(BLACK, WHITE)).contrast == pytest.approx(0.5)
    assert measure(halves(BLACK, GREY)).contrast == pytest.approx(128 / 255 / 2)


def test_a_chequerboard_has_the_greatest_sharpness():
    measured = measure(chequerboard(100))
    assert measured.brightness == pytest.approx(0.5)
    assert measured.sharpness == pytest.approx(4)


def test_a_picture_gets_less_sharp_the_more_it_is_blurred():
    sharp = picture()
    values = [measure(blurred(sharp, radius)).sharpness for radius in (0, 4, 8, 16)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 5


def test_half_the_size_changes_hardly_anything():
    whole, half = picture(), at_half_size(picture())
    assert dataclasses.astuple(measure(half)) == pytest.approx(
        dataclasses.astuple(measure(whole)), rel=0.05
    )


def test_a_huge_picture_is_measured_like_a_small_one():
    huge = picture().repeat(4, axis=0).repeat(4, axis=1)
    assert dataclasses.astuple(measure(huge)) == pytest.approx(
        dataclasses.astuple(measure(picture())), rel=0.01
    )


def test_a_turned_picture_keeps_all_but_its_aspect():
    upright = measure(np.rot90(picture()))
    assert upright.aspect == 0.75
    # Other pixels are sampled, half a cell away at most.
    assert dataclasses.astuple(upright)[1:] == pytest.approx(
        dataclasses.astuple(measure(picture()))[1:], rel=0.005
    )


def test_grey_has_no_colour():
    grey = np.repeat(picture()[..., :1], 3, axis=2)
    assert measure(grey).colourfulness == 0
    assert measure(grey).contrast > 0


def test_colourfulness_follows_the_formula_of_hasler_and_suesstrunk():
    # red: rg 255, yb 127.5; green: rg -255, yb 127.5
    assert measure(halves(RED, GREEN)).colourfulness == pytest.approx(255 + 0.3 * 127.5)
    # blue: rg 0, yb -255; yellow: rg 0, yb 255
    assert measure(halves(BLUE, YELLOW)).colourfulness == pytest.approx(255)
    # one colour has no spread, only a mean
    assert measure(flat(RED)).colourfulness == pytest.approx(0.3 * math.hypot(255, 127.5))


def test_saturation_raises_colourfulness():
    pixels = picture()
    grey = pixels.mean(axis=2, keepdims=True)
    values = [
        measure((grey + share * (pixels - grey)).astype(np.uint8)).colourfulness
        for share in (0.25, 0.5, 1)
    ]
    assert values == sorted(values)
    assert values[0] < values[-1] / 2


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (1, 100_000), (100_000, 2), (255, 257)]
)
def test_every_shape_gives_finite_values_in_range(shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    measured = measure(pixels)
    assert measured.aspect == shape[1] / shape[0]
    assert 0 <= measured.brightness <= 1
    assert 0 <= measured.contrast <= 0.5
    assert 0 <= measured.sharpness <= 4
    assert 0 <= measured.colourfulness <= 298


def test_photographs_measure_as_photographs_do(photos):
    files = sorted(photos.rglob("*.jpg"))[::100]
    measured = [measure(np.asarray(Image.open(file).convert("RGB"))) for file in files]
    columns = zip(*map(dataclasses.astuple, measured), strict=True)
    aspect, brightness, contrast, sharpness, colourfulness = map(np.median, columns)
    assert 1 < aspect < 1.5
    assert 0.35 < brightness < 0.55
    assert 0.15 < contrast < 0.3
    assert 0.05 < sharpness < 0.15
    assert 20 < colourfulness < 45
