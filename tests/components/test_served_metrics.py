"""Metrics of what is served, as TFMA computes them from a signature's answer."""

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components import served_metrics

pytestmark = pytest.mark.graph


def inputs(label, served, scores):
    return metric_types.StandardMetricInputs(
        label=np.array([label.encode()]),
        prediction={
            "label": np.array([served.encode()]),
            "score": np.array([max(scores)]),
            "scores": np.array([scores]),
            "classes": np.array([[b"cold", b"warm"]]),
        },
        example_weight=np.array([1.0]),
    )


IMAGES = [
    # A threshold of 0.7 has made the label of the second one.
    inputs("cold", "cold", [0.95, 0.05]),
    inputs("cold", "cold", [0.35, 0.65]),
    inputs("warm", "warm", [0.05, 0.95]),
    inputs("warm", "cold", [0.95, 0.05]),
]


def value(metric, images=IMAGES, *, accumulators=1):
    [computation] = metric.computations()
    combiner = computation.combiner
    parts = []
    for share in np.array_split(np.arange(len(images)), accumulators):
        accumulator = combiner.create_accumulator()
        for place in share:
            accumulator = combiner.add_input(accumulator, images[place])
        parts.append(accumulator)
    [found] = combiner.extract_output(combiner.merge_accumulators(parts)).values()
    return found


def test_accuracy_is_that_of_the_label_that_is_served():
    assert value(served_metrics.ServedAccuracy()) == 0.75


def test_calibration_error_is_that_of_the_highest_score():
    # 0.95 thrice, of which two are right; 0.65 once, and its class is wrong.
    expected = (abs(3 * 0.95 - 2) + 0.65) / 4
    assert value(served_metrics.ExpectedCalibrationError()) == pytest.approx(expected)


def test_modest_scores_do_not_make_up_for_bold_ones():
    images = [inputs("cold", "cold", [0.65, 0.35]), inputs("cold", "warm", [0.05, 0.95])]
    expected = (0.35 + 0.95) / 2
    assert value(served_metrics.ExpectedCalibrationError(), images) == pytest.approx(expected)


@pytest.mark.parametrize(
    "metric", [served_metrics.ServedAccuracy(), served_metrics.ExpectedCalibrationError()]
)
def test_parts_of_a_split_are_merged(metric):
    assert value(metric, accumulators=3) == pytest.approx(value(metric))
    assert value(metric, accumulators=7) == pytest.approx(value(metric))
