"""Image properties put into words, by which the evaluation is sliced: TFMA slices by equal values.

The bounds are set for photographs: of cats_and_dogs_filtered's training photographs 7 % are dark,
4 % bright, 7 % blurred and 10 % small.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from components.properties import ImageProperties
from trainer import features

# Feature -> the bounds between its words, each of which belongs to the word above it; the words.
_WORDS: Mapping[str, tuple[Sequence[float], Sequence[str]]] = {
    features.BRIGHTNESS_BUCKET: ((0.3, 0.65), ("dark", "medium", "bright")),
    features.SHARPNESS_BUCKET: ((0.08,), ("blurred", "sharp")),
    features.SIZE_BUCKET: ((200, 1000), ("small", "medium", "large")),
}


def of(measured: ImageProperties, *, height: int, width: int) -> dict[str, str]:
    """Feature -> word.

    Args:
      measured: the image's properties.
      height, width: pixels; the shorter side decides how large the image is.
    """
    values = {
        features.BRIGHTNESS_BUCKET: measured.brightness,
        features.SHARPNESS_BUCKET: measured.sharpness,
        features.SIZE_BUCKET: min(height, width),
    }
    return {name: _word(name, value) for name, value in values.items()}


def _word(name: str, value: float) -> str:
    bounds, words = _WORDS[name]
    return words[bisect_right(bounds, value)]
