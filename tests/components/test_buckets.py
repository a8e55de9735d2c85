import pytest

from components import buckets
from components.properties import ImageProperties
from trainer import features


def bucket(name, *, brightness=0.5, sharpness=0.2, height=500, width=500):
    measured = ImageProperties(1.0, brightness, 0.2, sharpness, 20.0)
    return buckets.of(measured, height=height, width=width)[name]


@pytest.mark.parametrize(
    ("brightness", "word"),
    [(0, "dark"), (0.299, "dark"), (0.3, "medium"), (0.649, "medium"), (0.65, "bright")],
)
def test_an_image_is_dark_medium_or_bright(brightness, word):
    assert bucket(features.BRIGHTNESS_BUCKET, brightness=brightness) == word


@pytest.mark.parametrize(("sharpness", "word"), [(0.079, "blurred"), (0.08, "sharp")])
def test_an_image_is_blurred_or_sharp(sharpness, word):
    assert bucket(features.SHARPNESS_BUCKET, sharpness=sharpness) == word


@pytest.mark.parametrize(
    ("height", "width", "word"),
    [
        (199, 5000, "small"),
        (5000, 199, "small"),
        (200, 5000, "medium"),
        (5000, 999, "medium"),
        (1000, 1000, "large"),
    ],
)
def test_the_shorter_side_decides_how_large_an_image_is(height, width, word):
    assert bucket(features.SIZE_BUCKET, height=height, width=width) == word
