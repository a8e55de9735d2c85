"""Small copies of decoded images, made so cheaply that every ingested image can have one."""

import numpy as np

LONGER_SIDE = 128  # pixels
_TAPS = 3  # samples along each side of a cell
LEVELS = 255 * _TAPS**2  # what white is in a thumbnail
WHITE = 1000 * LEVELS  # luma of white


def make(pixels: np.ndarray) -> np.ndarray:
    """The copy that an image's properties and its likeness are taken on.

    Args:
      pixels: uint8 [h, w, 3], h and w at least 1.

    Returns:
      float32 [3, height, width], as of `shrink`; the longer side is `LONGER_SIDE`, or that of the
      image where it is shorter.
    """
    height, width, _ = pixels.shape
    scale = min(1.0, LONGER_SIDE / max(height, width))
    return shrink(pixels, height=max(1, round(height * scale)), width=max(1, round(width * scale)))


def shrink(pixels: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """Shrink an image: each cell is the sum of 3 x 3 samples spread evenly over its rectangle.

    Down to a third of the size that is the sum of an area, to within a third of a cell. Below,
    it reads only some of the pixels: 12 megapixels cost a few times what 0.2 cost.

    Args:
      pixels: uint8 [h, w, 3], h and w at least 1.
      height: rows of the copy; where it is above `h`, rows repeat.
      width: columns of the copy; where it is above `w`, columns repeat.

    Returns:
      float32 [3, height, width]: whole numbers in 0..`LEVELS`, one plane a channel.
    """
    stripes = _summed(pixels, height)
    # Columns become rows, which NumPy picks and adds ten times faster.
    columns = np.ascontiguousarray(stripes.reshape(height, -1).T)
    cells = _summed(columns.reshape(-1, 3, height), width)
    # Each plane lies whole in memory, which arithmetic is quickest on.
    return cells.transpose(1, 0, 2).astype(np.float32, order="C").transpose(0, 2, 1)


def luma(thumbnail: np.ndarray) -> np.ndarray:
    """Luma of a thumbnail (ITU-R BT.601): float32 [height, width], in 0..`WHITE`.

    Whole numbers below 2**24, which float32 holds exactly: one colour is one number.
    """
    red, green, blue = thumbnail
    return 299 * red + 587 * green + 114 * blue


def _summed(rows: np.ndarray, cells: int) -> np.ndarray:
    """Sum three evenly spread rows for each of `cells` parts: uint16 [cells, ...]."""
    samples = cells * _TAPS
    centres = (2 * np.arange(samples) + 1) * len(rows) // (2 * samples)
    # `take` copies whole rows; picking by index walks through them.
    total = rows.take(centres[::_TAPS], axis=0).astype(np.uint16)
    for tap in range(1, _TAPS):
        total += rows.take(centres[tap::_TAPS], axis=0)
    return total
