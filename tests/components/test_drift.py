"""Distances between statistics are TFDV's, of real statistics of small made Examples."""

import math

import numpy as np
import pytest

from trainer import features

pytestmark = pytest.mark.graph

BRIGHTNESS = "image/brightness"


@pytest.fixture(scope="module")
def drift():
    from components import drift

    return drift


@pytest.fixture(scope="module")
def statistics(drift):
    """Makes TFDV's statistics of columns of single values."""
    import pyarrow as pa
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl

    def make(**columns):
        names = {"label": features.LABEL, "format": features.FORMAT, "width": features.WIDTH}
        table = {
            names.get(name, f"image/{name}"): [[v] for v in each] for name, each in columns.items()
        }
        batch = pa.RecordBatch.from_pydict(table)
        return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())

    return make


def only(distances):
    [distance] = distances
    return distance


def test_mix_is_the_largest_difference_of_a_share(drift, statistics):
    before = statistics(label=["cat"] * 50 + ["dog"] * 40 + ["fox"] * 10)
    now = statistics(label=["cat"] * 20 + ["dog"] * 60 + ["fox"] * 20)
    distance = only(drift.mixes(now, before, split="train"))
    assert distance.value == pytest.approx(0.3)  # cat: 20 of 100 and 50 of 100
    assert distance.chance == pytest.approx(math.sqrt(1 / 100 + 1 / 100))
    assert distance.detail == "'cat' is 20.0% of it, and 50.0% there"
    assert (distance.suspects.split, distance.suspects.feature) == ("train", features.LABEL)
    assert distance.suspects.value == "dog"  # whose share rose most


def test_formats_are_compared_too(drift, statistics):
    before = statistics(label=["cat"] * 4, format=["JPEG"] * 4)
    now = statistics(label=["cat"] * 4, format=["PNG"] * 4)
    found = {each.feature: each.value for each in drift.mixes(now, before, split="train")}
    assert found == {features.LABEL: 0, features.FORMAT: 1}


def test_value_that_one_side_lacks_counts_as_no_share(drift, statistics):
    before, now = statistics(label=["cat"] * 10), statistics(label=["cat"] * 6 + ["fox"] * 4)
    assert only(drift.mixes(now, before, split="train")).value == pytest.approx(0.4)


def jensen_shannon(shares, others):
    """In bits, by its definition."""
    p, q = np.array(shares), np.array(others)
    middle = (p + q) / 2

    def to_middle(x):
        some = x > 0
        return float(np.sum(x[some] * np.log2(x[some] / middle[some])))

    return (to_middle(p) + to_middle(q)) / 2


def test_property_of_few_values_has_the_divergence_of_its_shares(drift, statistics):
    # Deciles of two values: nothing is rounded where the shares are tenths.
    before, now = statistics(width=[300] * 50 + [400] * 50), statistics(width=[500] * 100)
    assert only(drift.properties(now, before, split="train")).value == pytest.approx(1.0)
    # Half of it stays: shares 1/2, 1/2 and 1, 0.
    now = statistics(width=[300] * 100)
    expected = jensen_shannon([0.5, 0.5], [1, 0])
    assert expected == pytest.approx(0.3113, abs=1e-4)
    found = only(drift.properties(now, before, split="train"))
    assert found.value == pytest.approx(expected, abs=0.06)
    assert found.detail == "the mean is 300, and 350 there"
    assert found.suspects.centre == 350


def test_property_spread_evenly_has_the_divergence_of_its_overlap(drift, statistics):
    # 0..1 against 0.5..1.5: half of each lies where the other has as much.
    before = statistics(brightness=np.linspace(0, 1, 2001))
    now = statistics(brightness=np.linspace(0.5, 1.5, 2001))
    expected = jensen_shannon([0.5, 0.5, 0], [0, 0.5, 0.5])
    assert expected == 0.5
    found = only(drift.properties(now, before, split="train"))
    assert found.feature == BRIGHTNESS
    assert found.value == pytest.approx(expected, abs=0.01)


def test_same_data_lie_nowhere_apart(drift, statistics):
    same = statistics(label=["cat", "dog"], width=[300, 400], brightness=[0.1, 0.9])
    distances = [*drift.mixes(same, same, split="t"), *drift.properties(same, same, split="t")]
    assert {each.feature for each in distances} == {features.LABEL, features.WIDTH, BRIGHTNESS}
    assert {each.value for each in distances} == {0}


def test_single_outlier_is_no_drift_of_a_property_with_few_values(drift, statistics):
    """TFDV's standard histogram says 0.48 here."""
    before = statistics(width=[300] * 100 + [375] * 200 + [500] * 700)
    now = statistics(width=[300] * 100 + [375] * 200 + [500] * 699 + [1050])
    assert only(drift.properties(now, before, split="train")).value < 0.1


def test_property_that_one_side_lacks_is_not_compared(drift, statistics):
    before, now = statistics(width=[300] * 9), statistics(width=[300] * 9, brightness=[0.5] * 9)
    assert only(drift.properties(now, before, split="train")).feature == features.WIDTH


@pytest.mark.parametrize("size", [20, 100, 1000])
def test_samples_of_one_distribution_pass_the_default_bounds(drift, statistics, size):
    from components.gate_settings import GateSettings

    rng = np.random.default_rng(size)
    for _ in range(5):
        one, other = (
            statistics(
                label=rng.choice(["cat", "dog"], size),
                width=rng.choice([300, 375, 500], size, p=[0.1, 0.2, 0.7]),
                brightness=rng.normal(size=size),
            )
            for _ in range(2)
        )
        for distance in drift.mixes(one, other, split="train"):
            assert distance.value <= distance.bound(GateSettings().max_mix_drift)
        for distance in drift.properties(one, other, split="train"):
            assert distance.value <= distance.bound(GateSettings().max_property_drift)


@pytest.mark.parametrize("size", [20, 100, 1000])
def test_property_that_moved_by_three_deviations_fails_the_default_bound(drift, statistics, size):
    from components.gate_settings import GateSettings

    rng = np.random.default_rng(size)
    one, other = (statistics(brightness=rng.normal(mean, size=size)) for mean in (0, 3))
    distance = only(drift.properties(one, other, split="train"))
    assert distance.value > distance.bound(GateSettings().max_property_drift)
