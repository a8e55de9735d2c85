"""The images that two runs have judged differently: what was mended, and what was broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components import judged_images
from components.judged_images import JudgedImage


@dataclass(frozen=True)
class Flip:
    """An image whose label is right in one of two runs.

    path: where the later run found it
    before, after: the label that was served
    """

    path: str
    sha256: str
    truth: str
    before: str
    after: str


@dataclass(frozen=True)
class Flips:
    """What became of the images that both runs have judged.

    images: how many those are
    broken: right before, wrong after; sorted by path, as is the other
    mended: wrong before, right after
    """

    images: int
    broken: Sequence[Flip]
    mended: Sequence[Flip]


def find(before: Path, after: Path) -> Flips | None:
    """Hold the predictions of two runs against each other; None where one has kept none.

    Images are known by their bytes, wherever they lie.

    Args:
      before, after: folders of runs.
    """
    old, new = _judged(before), _judged(after)
    if old is None or new is None:
        return None
    both = [(old[sha256], image) for sha256, image in new.items() if sha256 in old]
    return Flips(
        len(both),
        [_flip(one, other) for one, other in both if one.is_right and not other.is_right],
        [_flip(one, other) for one, other in both if other.is_right and not one.is_right],
    )


def _judged(run: Path) -> Mapping[str, JudgedImage] | None:
    """SHA-256 -> image; a file that cannot be read is one that is not there."""
    try:
        return {image.sha256: image for image in judged_images.read(run / judged_images.FILE)}
    except (OSError, ValueError):
        return None


def _flip(before: JudgedImage, after: JudgedImage) -> Flip:
    return Flip(after.path, after.sha256, after.truth, before.label, after.label)
