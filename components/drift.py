"""How far apart two statistics are, feature by feature, as TFDV measures it."""

import math
from collections.abc import Mapping, Sequence

# TFX comes first: it lets this TFDV be imported (decision note 1).
import tfx  # noqa: F401

# isort: split
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data_checks import Distance, Suspects
from trainer import features

Statistics = statistics_pb2.DatasetFeatureStatisticsList
FeatureStatistics = statistics_pb2.FeatureNameStatistics

# Features whose values are few names.
CATEGORICAL = (features.LABEL, features.FORMAT)

# TFDV lays the 10 quantiles of both sides over each other: up to 20 bins.
_BINS = 20


def mixes(current: Statistics, previous: Statistics, *, split: str) -> list[Distance]:
    """L-infinity distances of the categorical features.

    Args:
      split: the split that `current` is of.
    """
    schema = schema_pb2.Schema()
    for name in CATEGORICAL:
        added = schema.feature.add(name=name, type=schema_pb2.BYTES)
        added.drift_comparator.infinity_norm.threshold = 0
    # Two standard deviations of the difference of two shares of one half.
    chance = math.sqrt(_inverse_sizes(current, previous))
    return [
        _mix_distance(name, value, chance, (shares(current, name), shares(previous, name)), split)
        for name, value in _measured(current, previous, schema).items()
    ]


def properties(current: Statistics, previous: Statistics, *, split: str) -> list[Distance]:
    """Jensen-Shannon divergences (base 2) of the numeric features that both have.

    They are taken of TFDV's histograms of quantiles: the edges of its standard ones move with a
    single outlier, and a feature of few values (a camera's width) is then 0.5 away from itself.

    Args:
      split: the split that `current` is of.
    """
    now, before = _numeric(current), _numeric(previous)
    schema = schema_pb2.Schema()
    for name in now.keys() & before.keys():
        kind = schema_pb2.INT if now[name].type == FeatureStatistics.INT else schema_pb2.FLOAT
        added = schema.feature.add(name=name, type=kind)
        divergence = added.drift_comparator.jensen_shannon_divergence
        divergence.threshold = 0
        divergence.source.type = schema_pb2.HistogramSelection.QUANTILES
    # What two samples of one distribution differ by, in so many bins, to first order.
    chance = (_BINS - 1) / (8 * math.log(2)) * _inverse_sizes(current, previous)
    return [
        _property_distance(name, value, chance, (now[name], before[name]), split)
        for name, value in _measured(current, previous, schema).items()
    ]


def schema_of(serialized: Sequence[bytes]) -> schema_pb2.Schema:
    """The schema that the statistics of the splits suggest, for a person to curate.

    TFDV infers it, as for SchemaGen, but for the values: TFDV would allow no other file names and
    digests where there are few images, and any class where there are more than 100.
    """
    every = [Statistics.FromString(each) for each in serialized]
    schema = tfdv.infer_schema(every[0], infer_feature_shape=True, max_string_domain_size=0)
    for statistics in every[1:]:
        schema = tfdv.update_schema(
            schema, statistics, infer_feature_shape=True, max_string_domain_size=0
        )
    for feature in schema.feature:
        if feature.name in CATEGORICAL:
            feature.domain = feature.name
            values = {value for each in every for value in shares(each, feature.name)}
            schema.string_domain.add(name=feature.name, value=sorted(values))
    return schema


def shares(statistics: Statistics, feature: str) -> dict[str, float]:
    """Value -> share of the images, of a categorical feature."""
    for each in statistics.datasets[0].features:
        if _name(each) == feature:
            buckets = each.string_stats.rank_histogram.buckets
            total = sum(bucket.sample_count for bucket in buckets)
            return {bucket.label: bucket.sample_count / total for bucket in buckets}
    return {}


def _mix_distance(
    name: str,
    value: float,
    chance: float,
    mixes_of: tuple[Mapping[str, float], Mapping[str, float]],
    split: str,
) -> Distance:
    now, before = mixes_of
    moved = {key: now.get(key, 0.0) - before.get(key, 0.0) for key in {*now, *before}}
    most = max(sorted(moved), key=lambda key: abs(moved[key]))
    risen = max(sorted(moved), key=lambda key: moved[key])
    detail = f"{most!r} is {now.get(most, 0):.1%} of it, and {before.get(most, 0):.1%} there"
    return Distance(name, value, chance, detail, Suspects(split, name, value=risen))


def _property_distance(
    name: str,
    value: float,
    chance: float,
    both: tuple[FeatureStatistics, FeatureStatistics],
    split: str,
) -> Distance:
    now, before = (each.num_stats for each in both)
    detail = f"the mean is {now.mean:.4g}, and {before.mean:.4g} there"
    return Distance(name, value, chance, detail, Suspects(split, name, centre=before.mean))


def _measured(
    current: Statistics, previous: Statistics, schema: schema_pb2.Schema
) -> dict[str, float]:
    """Feature -> distance, of the features that the schema has a comparator for."""
    found = tfdv.validate_statistics(current, schema, previous_statistics=previous)
    return {
        info.path.step[0]: info.drift_measurements[0].value
        for info in found.drift_skew_info
        if info.drift_measurements
    }


def _numeric(statistics: Statistics) -> dict[str, FeatureStatistics]:
    return {
        _name(each): each
        for each in statistics.datasets[0].features
        if each.HasField("num_stats") and each.num_stats.histograms
    }


def _name(feature: FeatureStatistics) -> str:
    return feature.name or feature.path.step[0]


def _inverse_sizes(*statistics: Statistics) -> float:
    return sum(1 / max(each.datasets[0].num_examples, 1) for each in statistics)
