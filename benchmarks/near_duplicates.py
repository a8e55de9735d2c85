"""Which copies of a photograph are found as near-duplicates, and which other pictures are.

The yardstick is the DCT hash as Zauner describes it: Pillow's greyscale, shrunk to 32 x 32 with a
Lanczos filter, SciPy's DCT. Both sides hash the same training photographs of cats and dogs, and
the same copies of them. Where the photographs are not at hand, $FROSTLINE_SHARED names the folder
that has `data/cats_and_dogs_filtered`.
"""

import io
import itertools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import fft

from components import near_duplicates, thumbnails
from components.near_duplicates import MAX_DISTANCE

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered/train"
EVERY = 4
ELLIPSES = 500

Hash = Callable[[Image.Image], int | None]


def main() -> None:
    """Print a line of JSON for each kind of copy, and for pictures that are none."""
    photos = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.rglob("*.jpg"))[::EVERY]]
    hashes = [_hashed(photos, hash_of) for hash_of in (_ours, _textbook)]
    for name, copy in COPIES.items():
        copies = [copy(photo) for photo in photos]
        _print(
            f"share_found_of_{name}",
            *(
                _share_found(originals, _hashed(copies, hash_of))
                for originals, hash_of in zip(hashes, (_ours, _textbook), strict=True)
            ),
        )
    _print("pairs_of_other_photographs_taken_for_copies", *map(_share_alike, hashes))
    ellipses = [_ellipse(seed) for seed in range(ELLIPSES)]
    _print(
        "pairs_of_ellipses_on_white_taken_for_copies",
        *(_share_alike(_hashed(ellipses, hash_of)) for hash_of in (_ours, _textbook)),
    )


def _print(name: str, ours: float, yardstick: float) -> None:
    ratio = round(ours / yardstick, 3) if yardstick else None
    result = {"name": name, "ours": round(ours, 6), "yardstick": round(yardstick, 6)}
    print(json.dumps({**result, "ratio": ratio}), flush=True)


def _saved_again(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def _cropped(image: Image.Image, *, left: float, right: float) -> Image.Image:
    width, height = image.size
    return image.crop(
        (
            round(width * left),
            round(height * left),
            round(width * (1 - right)),
            round(height * (1 - right)),
        )
    )


def _brightened(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * 1.2).clip(0, 255).astype(np.uint8))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved_again_at_quality_50": _saved_again,
    "halved": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brightened_by_a_fifth": _brightened,
    "2_percent_lost_around_the_edges": lambda image: _cropped(image, left=0.01, right=0.01),
    "5_percent_lost_around_the_edges": lambda image: _cropped(image, left=0.025, right=0.025),
    "2_percent_lost_at_a_corner": lambda image: _cropped(image, left=0.02, right=0),
    "5_percent_lost_at_a_corner": lambda image: _cropped(image, left=0.05, right=0),
}


def _ellipse(seed: int) -> Image.Image:
    """A thing photographed on white: one ellipse, about in the middle."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:300, :300] / 300 - 0.5
    across, down = rng.uniform(0.15, 0.45, 2)
    right, low = rng.uniform(-0.05, 0.05, 2)
    inside = ((columns - right) / across) ** 2 + ((rows - low) / down) ** 2 < 1
    pixels = np.where(inside[..., None], rng.integers(0, 200, 3), 255) + rng.normal(
        0, 2, (300, 300, 3)
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _hashed(images: Sequence[Image.Image], hash_of: Hash) -> list[int | None]:
    return [hash_of(image) for image in images]


def _ours(image: Image.Image) -> int | None:
    return near_duplicates.perceptual_hash(thumbnails.make(np.asarray(image)))


def _textbook(image: Image.Image) -> int:
    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    coefficients = np.asarray(fft.dctn(np.asarray(small, float), norm="ortho"))
    lowest = coefficients[:8, :8].ravel()[1:]
    bits = np.append(False, lowest > np.median(lowest))
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _share_found(originals: Sequence[int | None], copies: Sequence[int | None]) -> float:
    return float(np.mean([_are_alike(*pair) for pair in zip(originals, copies, strict=True)]))


def _share_alike(hashes: Sequence[int | None]) -> float:
    return float(np.mean([_are_alike(*pair) for pair in itertools.combinations(hashes, 2)]))


def _are_alike(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and (one ^ other).bit_count() <= MAX_DISTANCE


if __name__ == "__main__":
    main()
