"""What TFDV's statistics say of images is read without TFDV."""

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.report import distributions
from trainer import features


def write(folder, split, *, buckets, low=0.0, high=2.0):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    held = statistics.datasets.add(num_examples=4)
    numbers = held.features.add(name=features.ASPECT)
    numbers.num_stats.min, numbers.num_stats.max = low, high
    numbers.num_stats.mean, numbers.num_stats.median = 0.75, 0.5
    quantiles = numbers.num_stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    quantiles.buckets.add(low_value=0, high_value=9, sample_count=4)
    standard = numbers.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for start, end, count in buckets:
        standard.buckets.add(low_value=start, high_value=end, sample_count=count)
    kinds = held.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    kinds.path.step.append(features.FORMAT)
    kinds.string_stats.rank_histogram.buckets.add(label="JPEG", sample_count=3)
    held.features.add(name="something else").num_stats.histograms.add()
    path = folder / f"Split-{split}" / "FeatureStats.pb"
    path.parent.mkdir(parents=True)
    path.write_bytes(statistics.SerializeToString())


def test_density_is_the_share_by_width(tmp_path):
    write(tmp_path, "train", buckets=[(0.0, 0.5, 3), (0.5, 2.0, 1)])
    [found] = distributions.read(tmp_path).distributions
    assert [(each.low, each.high) for each in found.bins] == [(0.0, 0.5), (0.5, 2.0)]
    assert [each.density for each in found.bins] == pytest.approx([1.5, 1 / 6])
    assert sum(each.density * (each.high - each.low) for each in found.bins) == pytest.approx(1)
    assert (found.low, found.median, found.mean, found.high) == (0.0, 0.5, 0.75, 2.0)


def test_splits_come_in_the_usual_order(tmp_path):
    for split in ("eval", "train"):
        write(tmp_path, split, buckets=[(0, 1, 1)])
    spread = distributions.read(tmp_path)
    assert [each.split for each in spread.of(features.ASPECT)] == ["train", "eval"]
    assert spread.formats == {"train": {"JPEG": 3}, "eval": {"JPEG": 3}}


def test_images_that_are_all_alike_have_no_bins(tmp_path):
    write(tmp_path, "train", buckets=[(1.5, 1.5, 4)])
    [found] = distributions.read(tmp_path).distributions
    assert found.bins == ()


def test_run_that_measured_nothing_has_no_distributions(tmp_path):
    assert distributions.read(tmp_path).distributions == []
