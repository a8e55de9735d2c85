"""Temperature and threshold are found where there is something to find, and only there."""

import json

import numpy as np
import pytest

from trainer import calibration


def binary(count=2000, *, sharpness=1.0, bias=0.0, seed=0):
    """Logits [N, 1] that are `sharpness` times too large, and `bias` too high; and labels."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 3, count)
    labels = (rng.uniform(size=count) < 1 / (1 + np.exp(-true))).astype(np.int64)
    return (true * sharpness + bias)[:, np.newaxis], labels


def many_classes(count=3000, *, sharpness=1.0):
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (count, 5))
    odds = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in odds])
    return true * sharpness, labels


@pytest.mark.parametrize("make", [binary, many_classes])
@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_logits_that_are_too_large_are_divided_by_as_much(make, sharpness):
    found = calibration.fit(*make(sharpness=sharpness))
    assert found.temperature == pytest.approx(sharpness, rel=0.1)


def test_calibrated_scores_are_honest():
    found = calibration.fit(*binary(sharpness=3.0))
    assert found.before.expected_calibration_error > 0.05
    assert found.after.expected_calibration_error < 0.02
    assert found.after.log_loss < found.before.log_loss


def test_few_images_that_are_all_right_do_not_make_scores_certain():
    logits, labels = np.array([[-2.0], [-1.0], [1.0], [3.0]]), np.array([0, 0, 1, 1])
    assert 0.4 < calibration.fit(logits, labels).temperature < 1


def test_few_images_of_which_one_is_wrong_do_not_make_scores_worthless():
    logits, labels = np.array([[-2.0], [-1.0], [1.0], [3.0]]), np.array([0, 1, 1, 1])
    assert 1 < calibration.fit(logits, labels).temperature < 2


def test_many_images_overrule_what_is_expected_of_a_temperature():
    logits, labels = binary(20_000, sharpness=10.0)
    assert calibration.fit(logits, labels).temperature == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_can_be_calibrated(label):
    found = calibration.fit(np.full((5, 1), 2.0), np.full(5, label))
    assert np.isfinite(found.temperature)
    assert found.threshold == 0.5


def test_single_image_can_be_calibrated():
    assert calibration.fit(np.array([[1.0]]), np.array([1])).threshold == 0.5


def test_logits_beyond_all_bounds_give_finite_figures():
    found = calibration.fit(np.array([[-1e30], [1e30]]), np.array([0, 1]))
    assert (found.after.log_loss, found.after.expected_calibration_error) == (0, 0)


def test_threshold_makes_up_for_scores_that_favour_one_class():
    found = calibration.fit(*binary(bias=3.0))
    assert found.threshold is not None
    logit = np.log(found.threshold / (1 - found.threshold)) * found.temperature
    assert logit == pytest.approx(3, abs=0.7)


def test_threshold_wins_images():
    logits, labels = binary(bias=2.0)
    found = calibration.fit(logits, labels)
    assert found.threshold is not None
    scores = 1 / (1 + np.exp(-logits[:, 0] / found.temperature))
    right = ((scores >= found.threshold) == labels).mean()
    assert right > ((scores >= 0.5) == labels).mean() + 0.02


@pytest.mark.parametrize("count", [50, 300])
def test_luck_alone_hardly_ever_moves_the_threshold(count):
    found = [calibration.fit(*binary(count, seed=seed)).threshold for seed in range(100)]
    assert sum(threshold != 0.5 for threshold in found) <= 5


def test_more_than_two_classes_have_no_threshold():
    assert calibration.fit(*many_classes()).threshold is None


def test_two_columns_mean_the_same_as_one():
    logits, labels = binary(300, sharpness=2.0, bias=3.0)
    two = calibration.fit(np.hstack([-logits / 2, logits / 2]), labels)
    one = calibration.fit(logits, labels)
    assert two.temperature == pytest.approx(one.temperature, rel=1e-4)
    assert two.threshold == pytest.approx(one.threshold, abs=1e-4)


def test_overconfidence_is_counted_by_bin():
    ahead = calibration.overconfidence(np.array([0.95, 0.95, 0.55]), np.array([True, False, True]))
    assert ahead[14] == pytest.approx(0.9)
    assert ahead[8] == pytest.approx(-0.45)
    assert np.count_nonzero(ahead) == 2


def test_certain_scores_lie_in_the_last_bin():
    ahead = calibration.overconfidence(np.array([1.0]), np.array([False]))
    assert ahead.tolist() == [0.0] * 14 + [1.0]


def test_calibration_is_kept_as_json(tmp_path):
    found = calibration.fit(*binary(50))
    found.save(tmp_path)
    kept = json.loads((tmp_path / "calibration.json").read_text())
    assert kept["images"] == 50
    assert kept["temperature"] == found.temperature
    assert kept["after"]["log_loss"] == found.after.log_loss
