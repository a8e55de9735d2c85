"""Curves and thresholds are counted from the answers, and agree with what was served."""

import json

import numpy as np
import pytest

from components import measures
from components.judged_images import JudgedImage
from components.measures import Answers
from pipeline.report import rates, thresholds

WARM = [0.9, 0.8, 0.8, 0.4, 0.35, 0.1]
TRUTH = ["warm", "warm", "cold", "warm", "cold", "cold"]


def judged(threshold=0.5):
    found = []
    for number, (warm, truth) in enumerate(zip(WARM, TRUTH, strict=True)):
        label = "warm" if warm >= threshold else "cold"
        scores = {"cold": 1 - warm, "warm": warm}
        found.append(JudgedImage(f"{number}", f"{number}", truth, label, scores[label], scores))
    return found


def choice_of(threshold):
    found = thresholds.choice(judged(threshold), threshold=threshold)
    assert found is not None
    return found


def test_equal_scores_pass_a_threshold_together():
    [sweep] = thresholds.sweeps(judged())
    assert (sweep.name, sweep.other, sweep.images) == ("warm", "cold", (3, 3))
    counted = [(point.threshold, point.hits, point.alarms) for point in sweep.points[1:]]
    assert counted == [(0.9, 1, 0), (0.8, 2, 1), (0.4, 3, 1), (0.35, 3, 2), (0.1, 3, 3)]


def test_area_is_the_one_that_the_evaluation_has():
    answers = Answers(
        labels=np.array(TRUTH),
        served=np.array(TRUTH),
        scores=np.array([[1 - score, score] for score in WARM]),
        classes=np.array(["cold", "warm"]),
    )
    [sweep] = thresholds.sweeps(judged())
    assert thresholds.auc(sweep) == pytest.approx(measures.auc_by_class(answers)["warm"])


def test_average_precision_is_the_mean_over_what_is_found():
    [sweep] = thresholds.sweeps(judged())
    assert thresholds.average_precision(sweep) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@pytest.mark.parametrize("threshold", [0.5, 0.375, 0.8])
def test_choice_begins_with_what_was_served(threshold):
    images = judged(threshold)
    choice = choice_of(threshold)
    assert choice.at.threshold == threshold
    assert choice.accuracy == np.mean([image.is_right for image in images])
    served = [image for image in images if image.label == "warm"]
    assert choice.precision == np.mean([image.is_right for image in served])
    assert choice.recall == sum(image.is_right for image in served) / 3
    assert sum(map(sum, choice.confusion)) == 6


def test_every_hundredth_can_be_tried():
    stored = json.loads(choice_of(0.375).as_json)
    assert stored["images"] == [3, 3]
    assert stored["points"][stored["served"]] == [0.375, 3, 1]
    found = {at: (hits, alarms) for at, hits, alarms in stored["points"]}
    assert (len(found), found[0.0], found[0.8], found[0.81], found[1.0]) == (
        102,
        (3, 3),
        (2, 1),
        (1, 0),
        (0, 0),
    )


def test_of_many_classes_those_mistaken_most_are_drawn():
    def of(truth, label):
        scores = {name: 0.9 if name == label else 0.02 for name in "abcdef"}
        return JudgedImage(truth, truth, truth, label, 0.9, scores)

    images = [*(of(name, name) for name in "abcdef"), of("e", "a"), of("e", "b"), of("d", "a")]
    assert [sweep.name for sweep in thresholds.sweeps(images)][:2] == ["e", "d"]
    assert len(thresholds.sweeps(images)) == 4
    assert thresholds.choice(images, threshold=None) is None


def test_without_images_of_both_classes_there_is_no_curve():
    assert thresholds.sweeps([]) == []
    assert thresholds.sweeps(judged()[:2]) == []
    assert rates.of([], None) == []


def test_curve_of_very_many_images_stays_short():
    rng = np.random.default_rng(0)
    images = []
    for number in range(5000):
        warm = float(rng.random())
        truth = "warm" if rng.random() > 0.5 else "cold"
        scores = {"cold": 1 - warm, "warm": warm}
        images.append(JudgedImage(f"{number}", f"{number}", truth, "warm", warm, scores))
    roc, recalled = rates.of(thresholds.sweeps(images), None)
    assert all(len(each.chart.paths[0].d) < 4000 for each in (roc, recalled))
    assert roc.chart.paths[0].d.startswith("M46,256 ")
    assert roc.chart.paths[0].d.endswith(" L406,16")
