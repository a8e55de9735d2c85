"""Slices, chance and the model card say what the metrics say, and no more."""

import pytest
from scipy.stats import binomtest

from pipeline.report import card, judgement


def told(summary):
    made = card.of(summary)
    assert made is not None
    return " ".join([*made.use, *made.limits])


def test_accuracy_comes_first_and_the_count_is_no_metric(a_summary):
    assert list(judgement.metrics(a_summary())) == ["accuracy", "log_loss"]


@pytest.mark.parametrize(("right", "of"), [(997, 1000), (0, 10), (50, 50), (1, 2)])
def test_interval_is_wilsons(right, of):
    scipys = binomtest(right, of).proportion_ci(method="wilson")
    assert judgement.interval(right / of, of) == pytest.approx(scipys, abs=1e-5)


def test_weakest_slice_is_one_of_enough_images(a_summary):
    weakest = judgement.weakest(a_summary())
    assert weakest is not None
    assert (weakest.by, weakest.value) == ("class", "cats")
    assert "weakest where class is cats" in told(a_summary())


def test_slices_that_are_as_good_as_the_whole_are_not_weak(a_summary):
    metrics = {"accuracy": 0.997, "example_count": 500.0}
    assert judgement.weakest(a_summary(evaluation_by_class={"cats": metrics})) is None


def test_card_says_how_many_labels_were_wrong(a_summary):
    assert "Of 1,000 judged images 3 got a wrong label" in told(a_summary())
    assert "0.9912 to 0.9990" in told(a_summary())


def test_card_warns_of_a_judge_that_chose_the_epoch(a_summary):
    assert "also chose the epoch to keep and the calibration" in told(a_summary())
    by_split = {"train": {"cats": 1, "dogs": 1}, "test": {"cats": 1, "dogs": 1}}
    data = {**a_summary().data, "accepted_by_split": by_split}
    assert "chose the epoch" not in told(a_summary(data=data))


def test_card_names_classes_or_counts_them(a_summary):
    assert "into cats or dogs," in told(a_summary())
    many = {f"c{number}": 1 for number in range(20)}
    data = {**a_summary().data, "accepted_by_split": {"eval": many}}
    assert "into 20 classes," in told(a_summary(data=data))


def test_card_of_an_untrained_base_forbids_its_use(a_summary):
    model = {"weights": "random", "weights_sha256": None, "untrained": True}
    assert "Not for use" in told(a_summary(model=model))
    assert "Not for use" not in told(a_summary())


def test_run_that_trained_nothing_has_no_card(a_summary):
    assert card.of(a_summary(training=None)) is None
