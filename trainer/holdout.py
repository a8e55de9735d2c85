"""Images that are held out of training, chosen by digest: no order and no chance decides."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.errors import DataError


@dataclass(frozen=True)
class Labelled:
    """Some images: digest and label of each."""

    digests: Sequence[str]
    labels: Sequence[int]

    def where(self, chosen: Sequence[bool]) -> "Labelled":
        """Those that are chosen."""
        pairs = zip(self.digests, self.labels, chosen, strict=True)
        kept = [(digest, label) for digest, label, is_chosen in pairs if is_chosen]
        return Labelled([digest for digest, _ in kept], [label for _, label in kept])


def split(images: Labelled, share: float) -> tuple[Labelled, Labelled]:
    """What is left to train on, and what is held out: of each class so many as `share` says.

    Each class keeps one image at least, and gives one if it has two. The same image is never in
    both, however often it is there.

    Raises:
      DataError: no class has two images.
    """
    held = _held(images, share)
    is_held = [digest in held for digest in images.digests]
    if not any(is_held) or all(is_held):
        raise DataError(
            f"{len(images.digests)} training images are too few to hold some out for the tuner: "
            "it needs two of a class at least"
        )
    return images.where([not one for one in is_held]), images.where(is_held)


def _held(images: Labelled, share: float) -> set[str]:
    by_class: dict[int, set[str]] = defaultdict(set)
    for digest, label in zip(images.digests, images.labels, strict=True):
        by_class[label].add(digest)
    held: set[str] = set()
    for digests in by_class.values():
        count = min(math.ceil(share * len(digests)), len(digests) - 1)
        held |= set(sorted(digests)[:count])
    return held
