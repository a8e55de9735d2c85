"""The judged images that tell most of a model: its mistakes, its doubts, and what it gets right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.judged_images import JudgedImage

_MOST_MISTAKES = 12
_MOST_DOUBTS = 8
_MOST_CLASSES = 20
_EVEN = 0.5


@dataclass(frozen=True)
class Gallery:
    """Some judged images.

    mistakes: those with a wrong label, the lowest score of the truth first
    doubts: of the others, those that were the nearest to another label, the nearest first
    right: of each class the image whose label is right by the highest score
    pictures: path -> a small copy as a data URL, where one could be made
    """

    mistakes: Sequence[JudgedImage] = ()
    doubts: Sequence[JudgedImage] = ()
    right: Sequence[JudgedImage] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> list[JudgedImage]:
        """All of them."""
        return [*self.mistakes, *self.doubts, *self.right]


def choose(judged: Sequence[JudgedImage], *, threshold: float | None) -> Gallery:
    """Choose what is shown, without pictures.

    Args:
      threshold: the score from which the second of two classes is the label; None: the class with
        the highest score is.
    """
    wrong = sorted((image for image in judged if not image.is_right), key=_score_of_truth)
    mistakes = wrong[:_MOST_MISTAKES]
    chosen = {id(image) for image in mistakes}
    rest = (image for image in judged if id(image) not in chosen)
    doubts = sorted(rest, key=lambda image: _margin(image, threshold))[:_MOST_DOUBTS]
    return Gallery(mistakes, doubts, _surest(judged))


def _surest(judged: Sequence[JudgedImage]) -> list[JudgedImage]:
    best: dict[str, JudgedImage] = {}
    for image in judged:
        if image.is_right and image.score > best.get(image.truth, _NOTHING).score:
            best[image.truth] = image
    return [best[name] for name in sorted(best)[:_MOST_CLASSES]]


_NOTHING = JudgedImage("", "", "", "", -1.0, {})


def _score_of_truth(image: JudgedImage) -> float:
    return image.scores.get(image.truth, 0.0)


def _margin(image: JudgedImage, threshold: float | None) -> float:
    """How far the scores are from another label."""
    scores = [*image.scores.values()]
    if len(scores) == 2:
        return abs(scores[1] - (_EVEN if threshold is None else threshold))
    best, second = sorted(scores, reverse=True)[:2]
    return best - second
