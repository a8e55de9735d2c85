"""Properties of an image that people can read: what statistics, drift and slices work on."""

from dataclasses import dataclass

import numpy as np

from components import thumbnails

_LONGER_SIDE = 256  # pixels; about what the network sees
_WHITE = 1000 * thumbnails.LEVELS  # luma of white


@dataclass(frozen=True)
class ImageProperties:
    """All but `aspect` are taken on a copy whose longer side is at most 256 pixels.

    So the size of a file alone decides none of them. Luma is 0.299 R + 0.587 G + 0.114 B
    (ITU-R BT.601) of the encoded values, in 0..1.

    Attributes:
      aspect: width / height; above 0.
      brightness: mean luma; 0 is black, 1 is white.
      contrast: standard deviation of luma, 0..0.5 (RMS contrast: Peli 1990, "Contrast in complex
        images"); 0 is one flat grey.
      sharpness: standard deviation of the Laplacian of luma (4 neighbours, inner pixels), 0..4;
        the root of the usual variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom
        autofocusing in brightfield microscopy"), because a variance has too long a tail for
        histograms. Photographs have 0.03..0.3; 0 where a side of the copy is under 3 pixels.
      colourfulness: M3 of Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images":
        0 is grey, 15 slightly, 33 moderately, 59 quite, 109 extremely colourful; at most 298.
    """

    aspect: float
    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float


def measure(pixels: np.ndarray) -> ImageProperties:
    """Measure a decoded image: uint8 [height, width, 3], both sides at least 1."""
    height, width, _ = pixels.shape
    scale = min(1.0, _LONGER_SIDE / max(height, width))
    small = thumbnails.shrink(
        pixels, height=max(1, round(height * scale)), width=max(1, round(width * scale))
    )
    luma = thumbnails.luma(small)  # whole numbers, so that one colour gives exactly 0
    return ImageProperties(
        aspect=width / height,
        brightness=float(luma.mean() / _WHITE),
        contrast=float(luma.std() / _WHITE),
        sharpness=float(_laplacian(luma).std() / _WHITE) if min(luma.shape) > 2 else 0.0,
        colourfulness=_colourfulness(small),
    )


def _laplacian(luma: np.ndarray) -> np.ndarray:
    """Four neighbours less four times the pixel itself: [h, w] -> [h - 2, w - 2]."""
    beside = luma[1:-1, :-2] + luma[1:-1, 2:]
    above_and_below = luma[:-2, 1:-1] + luma[2:, 1:-1]
    return beside + above_and_below - 4 * luma[1:-1, 1:-1]


def _colourfulness(thumbnail: np.ndarray) -> float:
    """M3: sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)² + mean(yb)²), in 0..255 values."""
    red, green, blue = thumbnail.astype(np.int32)
    red_green, twice_yellow_blue = red - green, red + green - 2 * blue
    spread = np.hypot(red_green.std(), twice_yellow_blue.std() / 2)
    mean = np.hypot(red_green.mean(), twice_yellow_blue.mean() / 2)
    return float(spread + 0.3 * mean) * 255 / thumbnails.LEVELS
