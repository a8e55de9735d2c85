"""What a model is worth, read out of its metrics: slices, confusions, and how sure one can be."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.summary import Summary
from trainer import features

COUNT = "example_count"
# Fewer images than this say little: one of them moves the accuracy by more than three points.
FEW = 30
# More do not fit on a page.
MOST_CLASSES = 20
_MOST_MISTAKES = 20
_Z = 1.96  # 95 %


@dataclass(frozen=True)
class Slice:
    """The judged images that have something in common, as in `size`: `small`."""

    by: str
    value: str
    metrics: Mapping[str, float]

    @property
    def images(self) -> float:
        """How many there are."""
        return self.metrics.get(COUNT, 0)

    @property
    def is_small(self) -> bool:
        """Whether its metrics are as much chance as anything."""
        return self.images < FEW


@dataclass(frozen=True)
class Confusion:
    """`rows[i][j]`: images of class i that were served as class j."""

    labels: Sequence[str]
    rows: Sequence[Sequence[int]]


def metrics(summary: Summary) -> dict[str, float]:
    """Metric -> value, of all judged images: the accuracy first, and not their number."""
    found = summary.evaluation or {}
    names = sorted(
        found.keys() - {COUNT}, key=lambda name: (name != "accuracy", list(found).index(name))
    )
    return {name: found[name] for name in names}


def images(summary: Summary) -> int:
    """How many images judged the model."""
    return round((summary.evaluation or {}).get(COUNT) or 0)


def split(summary: Summary) -> str:
    """The split that judged: `test` where the data have one."""
    by_split = summary.data.get("accepted_by_split") or {}
    return features.TEST if sum(by_split.get(features.TEST, {}).values()) else features.EVAL


def called(summary: Summary, split: str) -> str:
    """What the data call a split, where they name it: `validation`, not `eval`."""
    return (summary.data.get("split_names") or {}).get(split, split)


def threshold(summary: Summary) -> float | None:
    """The score from which the second of two classes is the label, where one was found."""
    return ((summary.training or {}).get("calibration") or {}).get("threshold")


def slices(summary: Summary) -> list[Slice]:
    """Classes and properties, the least accurate first."""
    found = [*_slices("class", summary.evaluation_by_class)]
    for by, values in (summary.evaluation_by_slice or {}).items():
        found.extend(_slices(by, values))
    return sorted(found, key=lambda each: (_order(each), -each.images))


def accuracy(summary: Summary) -> float | None:
    """Share of the judged images whose label is right, if that is known."""
    return _known((summary.evaluation or {}).get("accuracy"))


def weakest(summary: Summary) -> Slice | None:
    """The least accurate slice of enough images, where it is less accurate than the whole."""
    whole = accuracy(summary) or 0.0
    enough = (each for each in slices(summary) if not each.is_small)
    return next((each for each in enough if _order(each) < whole), None)


def confusion(summary: Summary) -> Confusion | None:
    """The confusions as a square; None where nobody counted them, or nobody could read it."""
    table = summary.confusion or {}
    labels = sorted({label for row in table.values() for label in row} | set(table))
    if not 0 < len(labels) <= MOST_CLASSES:
        return None
    return Confusion(labels, [[table.get(i, {}).get(j, 0) for j in labels] for i in labels])


def mistakes(summary: Summary) -> list[tuple[str, str, int]]:
    """Class, the label that was served instead, and images; the most frequent of them first."""
    every = [
        (truth, label, images)
        for truth, row in (summary.confusion or {}).items()
        for label, images in row.items()
        if truth != label
    ]
    return sorted(every, key=lambda each: -each[2])[:_MOST_MISTAKES]


def interval(share: float, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (1927, "Probable inference"): what chance may explain.

    Args:
      share: 0 to 1.
      of: how many images; 1 or more.
    """
    centre = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    spread = math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    half = _Z * spread / (1 + _Z**2 / of)
    return max(0.0, centre - half), min(1.0, centre + half)


def _slices(by: str, values: Mapping[str, Mapping[str, float]] | None) -> Iterator[Slice]:
    for value, found in (values or {}).items():
        yield Slice(by, value, found)


def _order(one: Slice) -> float:
    found = _known(one.metrics.get("accuracy"))
    return math.inf if found is None else found


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
