"""Small copies of decoded images, made so cheaply that every ingested image can have one."""

import numpy as np

_TAPS = 4  # samples along each side of a cell
LEVELS = 255 * _TAPS**2  # what white is in a thumbnail


def shrink(pixels: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """Shrink an image: each cell is the sum of 4 x 4 samples spread evenly over its rectangle.

    Down to a quarter of the size that is the sum of an area, to within a quarter of a cell. Below,
    it reads only some of the pixels: 12 megapixels cost a few times what 0.2 cost.

    Args:
      pixels: uint8 [h, w, 3], h and w at least 1.
      height: rows of the copy; where it is above `h`, rows repeat.
      width: columns of the copy; where it is above `w`, columns repeat.

    Returns:
      uint16 [3, height, width], in 0..`LEVELS`; one plane a channel.
    """
    stripes = _summed(pixels, height)
    # Columns become rows, which NumPy picks and adds ten times faster.
    columns = np.ascontiguousarray(stripes.reshape(height, -1).T)
    cells = _summed(columns.reshape(-1, 3, height), width)
    return cells.transpose(1, 2, 0)


def luma(thumbnail: np.ndarray) -> np.ndarray:
    """Luma of a thumbnail (ITU-R BT.601): int32 [height, width], in 0..1000 * `LEVELS`."""
    red, green, blue = thumbnail.astype(np.int32)
    return 299 * red + 587 * green + 114 * blue


def _summed(rows: np.ndarray, cells: int) -> np.ndarray:
    """Sum four evenly spread rows for each of `cells` parts: uint16 [cells, ...]."""
    samples = cells * _TAPS
    centres = (2 * np.arange(samples) + 1) * len(rows) // (2 * samples)
    total = rows[centres[::_TAPS]].astype(np.uint16)
    for tap in range(1, _TAPS):
        total += rows[centres[tap::_TAPS]]
    return total
