"""The picture of a data set: what is in it, what is odd about it, and whether a run takes it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from components import image_files, quarantine, spans
from components.near_duplicates import Pair
from components.quarantine import Accepted, IngestionCounts, SetAside
from pipeline import data_problems
from pipeline.config import Config
from pipeline.data_facts import ImageFacts, LookAlikes, Scan
from pipeline.data_problems import Problem

BINS = 12
WORST = 6
"""How many of the worst images of each kind are named."""
MOST_PAIRS = quarantine.MOST_DUPLICATES

_PROPERTIES: dict[str, Callable[[ImageFacts], float]] = {
    "width": lambda image: image.width,
    "height": lambda image: image.height,
    "bytes": lambda image: image.bytes,
    "aspect": lambda image: image.properties.aspect,
    "brightness": lambda image: image.properties.brightness,
    "contrast": lambda image: image.properties.contrast,
    "sharpness": lambda image: image.properties.sharpness,
    "colourfulness": lambda image: image.properties.colourfulness,
}
# Kind -> what is measured, and whether the least of it is the worst.
_KINDS: dict[str, tuple[Callable[[ImageFacts], float], bool]] = {
    "darkest": (_PROPERTIES["brightness"], True),
    "blurriest": (_PROPERTIES["sharpness"], True),
    "smallest": (lambda image: min(image.width, image.height), True),
    "longest": (
        lambda image: max(image.width, image.height) / min(image.width, image.height),
        False,
    ),
}


@dataclass(frozen=True)
class Spread:
    """How a property is spread over the images.

    histogram: images in each of `BINS` equal parts of the range from the 1st to the 99th
      percentile; those beyond count in the outer parts
    """

    least: float
    median: float
    most: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Worst:
    """An image that stands out.

    value: luma 0..1 of the darkest, sharpness of the blurriest, pixels of the shorter side of
      the smallest, longer by shorter side of the longest
    """

    image: ImageFacts
    value: float


@dataclass(frozen=True)
class DataReport:
    """The picture of a data set.

    data: what a person gave
    span: which spans of it; empty where there are none
    bytes: size of all accepted images
    formats: format -> images, the most frequent first
    spreads: property -> spread; empty without an image
    worst: kind -> the worst images of that kind, the worst first
    look_alikes: the closest `MOST_PAIRS`; `look_alikes_found` counts all
    """

    data: str
    span: str
    counts: IngestionCounts
    bytes: int
    formats: Mapping[str, int]
    spreads: Mapping[str, Spread]
    worst: Mapping[str, Sequence[Worst]]
    set_aside: Sequence[SetAside]
    look_alikes: Sequence[LookAlikes]
    look_alikes_found: int
    problems: Sequence[Problem]

    @property
    def is_trainable(self) -> bool:
        """Whether a run would take the data, as far as the files alone can tell."""
        return not any(problem.stops for problem in self.problems)


def build(data: str, scan: Scan, config: Config) -> DataReport:
    """Put the picture together.

    Args:
      data: what a person gave.
      scan: what was found in its files.
      config: the limits and bounds that a run would have.
    """
    set_aside = [
        SetAside(each.file.name, each.file.label, each.why.reason, each.why.message)
        for each in scan.refused
    ]
    accepted = [
        Accepted(each.name, each.file.label, each.split, each.sha256, each.hash)
        for each in scan.images
    ]
    alike = quarantine.look_alikes(accepted)
    splits = image_files.splits_of(scan.listing.files, test_fraction=config.data.test_fraction)
    counts = quarantine.count(
        accepted,
        set_aside,
        alike=alike,
        splits=splits,
        split_names=scan.listing.split_names,
        ignored=scan.listing.ignored,
    )
    pairs = _look_alikes(scan.images, alike)
    stops = data_problems.stops(data, scan.listing, counts, set_aside, config)
    remarks = data_problems.remarks(scan.images, counts, pairs)
    refused = {problem.check for problem in stops}
    return DataReport(
        data=data,
        span=spans.text(scan.listing.spans),
        counts=counts,
        bytes=sum(image.bytes for image in scan.images),
        formats=dict(Counter(image.format for image in scan.images).most_common()),
        spreads=_spreads(scan.images),
        worst=_worst(scan.images),
        set_aside=set_aside,
        look_alikes=pairs[:MOST_PAIRS],
        look_alikes_found=len(pairs),
        problems=[*stops, *(remark for remark in remarks if remark.check not in refused)],
    )


def to_json(report: DataReport) -> dict[str, Any]:
    """The report as scripts read it; counts are named as in summary.json."""
    return {
        "data": report.data,
        "span": report.span,
        "trainable": report.is_trainable,
        "problems": [asdict(problem) for problem in report.problems],
        "read": report.counts.read,
        "accepted": report.counts.accepted,
        "accepted_by_split": report.counts.accepted_by_split,
        "quarantined": report.counts.quarantined,
        "ignored": report.counts.ignored,
        "bytes": report.bytes,
        "formats": dict(report.formats),
        "properties": {
            name: {"min": spread.least, "median": spread.median, "max": spread.most}
            for name, spread in report.spreads.items()
        },
        "worst": {
            kind: [{"path": each.image.name, "value": each.value} for each in found]
            for kind, found in report.worst.items()
        },
        "set_aside": [asdict(row) for row in report.set_aside],
        "duplicates_across_splits": [list(pair) for pair in report.counts.duplicates_across_splits],
        "near_duplicates_found": report.look_alikes_found,
        "near_duplicates": [
            {"paths": [pair.first.name, pair.second.name], "distance": pair.distance}
            for pair in report.look_alikes
        ],
    }


def _look_alikes(images: Sequence[ImageFacts], alike: Sequence[Pair]) -> list[LookAlikes]:
    by_name = {(image.split, image.name): image for image in images}
    return [
        LookAlikes(
            by_name[pair.first.split, pair.first.name],
            by_name[pair.second.split, pair.second.name],
            pair.distance,
        )
        for pair in alike
    ]


def _spreads(images: Sequence[ImageFacts]) -> dict[str, Spread]:
    if not images:
        return {}
    return {
        name: _spread(np.array([measure(image) for image in images], np.float64))
        for name, measure in _PROPERTIES.items()
    }


def _spread(values: np.ndarray) -> Spread:
    low, high = np.percentile(values, (1, 99))
    histogram, _ = np.histogram(values.clip(low, high), bins=BINS, range=(low, high))
    return Spread(
        float(values.min()),
        float(np.median(values)),
        float(values.max()),
        tuple(histogram.tolist()),
    )


def _worst(images: Sequence[ImageFacts]) -> dict[str, list[Worst]]:
    found = {}
    for kind, (measure, is_least) in _KINDS.items():
        sign = 1 if is_least else -1
        ordered = sorted(images, key=lambda image: (sign * measure(image), image.name))
        found[kind] = [Worst(image, measure(image)) for image in ordered[:WORST]]
    return found
