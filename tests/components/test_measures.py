"""Metrics of served answers, in plain NumPy."""

import math

import numpy as np
import pytest

from components import measures
from components.measures import Answers


def answers(*rows, classes=("cold", "warm")):
    """A row: true label, served label, scores."""
    labels, served, scores = zip(*rows, strict=True)
    return Answers(
        np.array(labels), np.array(served), np.array(scores, np.float64), np.array(classes)
    )


# A threshold of 0.7 has made the label of the second one.
FOUR = answers(
    ("cold", "cold", [0.95, 0.05]),
    ("cold", "cold", [0.35, 0.65]),
    ("warm", "warm", [0.05, 0.95]),
    ("warm", "cold", [0.95, 0.05]),
)


def test_accuracy_is_that_of_the_label_that_is_served():
    assert measures.accuracy(FOUR) == 0.75


def test_log_loss_is_that_of_the_true_class():
    expected = -np.mean(np.log([0.95, 0.35, 0.95, 0.05]))
    assert measures.log_loss(FOUR) == pytest.approx(expected)


def test_class_that_the_model_never_saw_costs_the_most():
    assert measures.log_loss(answers(("hot", "warm", [0, 1]))) == pytest.approx(-math.log(1e-7))


def test_calibration_error_is_that_of_the_highest_score():
    # 0.95 thrice, of which two are right; 0.65 once, and its class is wrong.
    expected = (abs(3 * 0.95 - 2) + 0.65) / 4
    assert measures.expected_calibration_error(FOUR) == pytest.approx(expected)


def test_modest_scores_do_not_make_up_for_bold_ones():
    two = answers(("cold", "cold", [0.65, 0.35]), ("cold", "warm", [0.05, 0.95]))
    assert measures.expected_calibration_error(two) == pytest.approx((0.35 + 0.95) / 2)


def test_auc_is_the_share_of_pairs_in_order_and_a_tie_is_half_of_one():
    # Cold scores 0.95 and 0.35 of cold images, 0.05 and 0.95 of warm ones: 1/2 + 1 + 0 + 1 of 4.
    assert measures.auc_by_class(FOUR) == pytest.approx({"cold": 2.5 / 4, "warm": 2.5 / 4})


def test_auc_of_three_classes_is_each_against_the_rest():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    scores = rng.dirichlet([1, 1, 1], 200)
    found = measures.auc_by_class(
        answers(
            *((str(n), "0", row) for n, row in zip(labels, scores, strict=True)),
            classes=tuple("012"),
        )
    )
    for place in range(3):
        inside, outside = scores[labels == place, place], scores[labels != place, place]
        assert found[str(place)] == pytest.approx((inside[:, None] > outside).mean())


def test_class_alone_has_no_auc():
    assert measures.auc_by_class(answers(("cold", "cold", [0.9, 0.1]))) == {}
    assert math.isnan(measures.mean({}))


def test_confusion_counts_what_each_class_was_served_as():
    table = measures.confusion(FOUR)
    assert table == {"cold": {"cold": 2}, "warm": {"cold": 1, "warm": 1}}
    assert measures.precision_by_class(table) == pytest.approx({"cold": 2 / 3, "warm": 1})
    assert measures.recall_by_class(table) == pytest.approx({"cold": 1, "warm": 0.5})


def test_label_that_is_never_served_has_a_precision_of_0():
    table = measures.confusion(answers(("cold", "warm", [0.1, 0.9]), ("warm", "warm", [0.1, 0.9])))
    assert measures.precision_by_class(table) == {"cold": 0, "warm": 0.5}
    assert measures.mean(measures.precision_by_class(table)) == 0.25
    assert measures.recall_by_class(table) == {"cold": 0, "warm": 1}


def test_model_that_diverged_has_no_calibration_error():
    nan = float("nan")
    assert math.isnan(measures.expected_calibration_error(answers(("cold", "cold", [nan, nan]))))
