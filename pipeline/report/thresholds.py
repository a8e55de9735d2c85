"""What another threshold would have made of the answers, and the curves that it moves along."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.judged_images import JudgedImage

_STEPS = 100
_MOST_CURVES = 4


@dataclass(frozen=True)
class Point:
    """What a threshold makes of the images; the score from which they count as the class.

    hits: images of the class that are labelled so
    alarms: images of another class that are labelled so, too
    """

    threshold: float
    hits: int
    alarms: int


@dataclass(frozen=True)
class Sweep:
    """A class against the rest, at every threshold.

    name: the class
    other: the other class, where there are two; else empty
    images: those of the class, and those of the others
    points: from the highest threshold, at which nothing is labelled so, down
    """

    name: str
    other: str
    images: tuple[int, int]
    points: Sequence[Point]


@dataclass(frozen=True)
class Choice:
    """The thresholds between two classes that a person can try.

    sweep: of the second class
    points: some of it from 0 to 1, and the one that is served
    served: the place of that one
    """

    sweep: Sweep
    points: Sequence[Point]
    served: int

    @property
    def at(self) -> Point:
        """What is served."""
        return self.points[self.served]

    @property
    def accuracy(self) -> float:
        """Share of right labels at the threshold that is served."""
        of_class, of_rest = self.sweep.images
        return (self.at.hits + of_rest - self.at.alarms) / (of_class + of_rest)

    @property
    def precision(self) -> float:
        """Share of the images with that label that are of the class."""
        return self.at.hits / ((self.at.hits + self.at.alarms) or 1)

    @property
    def recall(self) -> float:
        """Share of the images of the class that have its label."""
        return self.at.hits / self.sweep.images[0]

    @property
    def confusion(self) -> Sequence[Sequence[int]]:
        """`rows[i][j]`: images of class i labelled as j; the second class is that of the sweep."""
        of_class, of_rest = self.sweep.images
        hits, alarms = self.at.hits, self.at.alarms
        return [[of_rest - alarms, alarms], [of_class - hits, hits]]

    @property
    def tenths(self) -> list[Point]:
        """Few enough for a table: each tenth, and what is served."""
        tenths = {step / 10 for step in range(11)}
        return [each for each in self.points if each == self.at or each.threshold in tenths]

    @property
    def as_json(self) -> str:
        """What a script needs to move: `points` as [threshold, hits, alarms] and `images`."""
        points = [[each.threshold, each.hits, each.alarms] for each in self.points]
        return json.dumps({"points": points, "images": self.sweep.images, "served": self.served})


def sweeps(judged: Sequence[JudgedImage]) -> list[Sweep]:
    """The second of two classes, or the few of more that were mistaken most often."""
    classes = [*judged[0].scores] if judged else []
    if len(classes) == 2:
        found = [_sweep(judged, classes[1], other=classes[0])]
    else:
        wrong = Counter(image.truth for image in judged if not image.is_right)
        worst = sorted(classes, key=lambda name: -wrong[name])[:_MOST_CURVES]
        found = [_sweep(judged, name, other="") for name in worst]
    return [sweep for sweep in found if all(sweep.images)]


def choice(judged: Sequence[JudgedImage], *, threshold: float | None) -> Choice | None:
    """The thresholds that a person can try; None where there are not two classes with images.

    Args:
      threshold: the one that is served; None is 0.5.
    """
    found = sweeps(judged)
    if not found or not found[0].other:
        return None
    [sweep] = found
    # What was served is counted, not computed once more: the model compares float32.
    labelled = [image for image in judged if image.label == sweep.name]
    hits = sum(image.is_right for image in labelled)
    served = Point(0.5 if threshold is None else threshold, hits, len(labelled) - hits)
    grid = [step / _STEPS for step in range(_STEPS + 1)]
    others = _at(sweep, [value for value in grid if value != served.threshold])
    points = sorted([*others, served], key=lambda point: point.threshold)
    return Choice(sweep, points, points.index(served))


def roc(sweep: Sweep) -> list[tuple[float, float]]:
    """False positive rate and true positive rate, from (0, 0) to (1, 1)."""
    of_class, of_rest = sweep.images
    return [(point.alarms / of_rest, point.hits / of_class) for point in sweep.points]


def precision_recall(sweep: Sweep) -> list[tuple[float, float]]:
    """Recall and precision, from the highest threshold that labels an image down.

    The first precision holds from a recall of 0 on.
    """
    found = [
        (point.hits / sweep.images[0], point.hits / (point.hits + point.alarms))
        for point in sweep.points
        if point.hits + point.alarms
    ]
    return [(0.0, found[0][1]), *found]


def auc(sweep: Sweep) -> float:
    """Area under the ROC curve, ties counted as half."""
    across, up = np.array(roc(sweep)).T
    return float(np.trapezoid(up, across))


def average_precision(sweep: Sweep) -> float:
    """The mean of the precisions at which an image of the class is found, as in scikit-learn."""
    found, precisions = np.array(precision_recall(sweep)).T
    return float(np.sum(np.diff(found) * precisions[1:]))


def _sweep(judged: Sequence[JudgedImage], name: str, *, other: str) -> Sweep:
    scores = np.array([image.scores[name] for image in judged])
    is_class = np.array([image.truth == name for image in judged])
    order = np.argsort(-scores, kind="stable")
    scores, is_class = scores[order], is_class[order]
    # Equal scores pass a threshold together.
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits, alarms = np.cumsum(is_class)[ends], np.cumsum(~is_class)[ends]
    points = [
        Point(float(score), int(hit), int(alarm))
        for score, hit, alarm in zip(scores[ends], hits, alarms, strict=True)
    ]
    total = int(is_class.sum())
    return Sweep(name, other, (total, len(judged) - total), [Point(np.inf, 0, 0), *points])


def _at(sweep: Sweep, thresholds: Sequence[float]) -> list[Point]:
    """What thresholds that no image need have as its score make of them."""
    falling = np.array([-point.threshold for point in sweep.points])
    places = np.searchsorted(falling, -np.array(thresholds), side="right") - 1
    return [
        Point(threshold, sweep.points[place].hits, sweep.points[place].alarms)
        for threshold, place in zip(thresholds, places, strict=True)
    ]
