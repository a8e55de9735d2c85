"""How the properties of images are spread over each split, out of TFDV's statistics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from trainer import features

PROPERTIES: Mapping[str, str] = {
    features.WIDTH: "Width, pixels",
    features.HEIGHT: "Height, pixels",
    features.ASPECT: "Aspect, width / height",
    features.BYTES: "Size of the file, bytes",
    features.BRIGHTNESS: "Brightness, 0 to 1",
    features.CONTRAST: "Contrast, 0 to 0.5",
    features.SHARPNESS: "Sharpness, 0 to 4",
    features.COLOURFULNESS: "Colourfulness, 0 to 298",
}
"""Feature -> what it is called; units are those of `components.properties`."""

SPLITS = (features.TRAIN, features.EVAL, features.TEST)
_FILE = "FeatureStats.pb"
_Statistics = statistics_pb2.DatasetFeatureStatisticsList


@dataclass(frozen=True)
class Bin:
    """An interval, and the share of the images in it divided by its width."""

    low: float
    high: float
    density: float


@dataclass(frozen=True)
class Distribution:
    """A property of the images of a split."""

    feature: str
    split: str
    low: float
    mean: float
    median: float
    high: float
    bins: Sequence[Bin]


@dataclass(frozen=True)
class Spread:
    """What the statistics say of a data set.

    formats: split -> format -> images
    """

    distributions: Sequence[Distribution] = ()
    formats: Mapping[str, Mapping[str, int]] | None = None

    def of(self, feature: str) -> list[Distribution]:
        """A property's distributions, in the order of the splits."""
        return [each for each in self.distributions if each.feature == feature]


def read(folder: Path) -> Spread:
    """Read the statistics that StatisticsGen left.

    Args:
      folder: a folder with `Split-<split>/FeatureStats.pb`.
    """
    found = {split: folder / f"Split-{split}" / _FILE for split in SPLITS}
    statistics = {
        split: _Statistics.FromString(path.read_bytes())
        for split, path in found.items()
        if path.exists()
    }
    every = [each for split, held in statistics.items() for each in _distributions(held, split)]
    return Spread(every, {split: _formats(held) for split, held in statistics.items()})


def _distributions(statistics: _Statistics, split: str) -> Iterator[Distribution]:
    for feature in _features(statistics):
        name, numbers = _name(feature), feature.num_stats
        if name in PROPERTIES and numbers.histograms:
            bins = tuple(_bins(numbers.histograms))
            yield Distribution(
                name, split, numbers.min, numbers.mean, numbers.median, numbers.max, bins
            )


def _bins(histograms: Sequence[statistics_pb2.Histogram]) -> Iterator[Bin]:
    standard = next(each for each in histograms if each.type == statistics_pb2.Histogram.STANDARD)
    images = sum(bucket.sample_count for bucket in standard.buckets)
    for bucket in standard.buckets:
        width = bucket.high_value - bucket.low_value
        # Where all images are alike TFDV's buckets have no width, and there is nothing to draw.
        if width > 0 and images:
            yield Bin(bucket.low_value, bucket.high_value, bucket.sample_count / images / width)


def _formats(statistics: _Statistics) -> dict[str, int]:
    for feature in _features(statistics):
        if _name(feature) == features.FORMAT:
            buckets = feature.string_stats.rank_histogram.buckets
            return {bucket.label: round(bucket.sample_count) for bucket in buckets}
    return {}


def _features(statistics: _Statistics) -> Sequence[statistics_pb2.FeatureNameStatistics]:
    return [each for dataset in statistics.datasets for each in dataset.features]


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or feature.path.step[0]
