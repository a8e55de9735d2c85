"""What a model serves is gathered by TFMA, in parts that are merged, and measured at the end."""

import json
from typing import Any

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components import served_metrics

pytestmark = pytest.mark.graph


def answer(served, scores):
    return {
        "label": np.array([served.encode()]),
        "score": np.array([max(scores)]),
        "scores": np.array([scores]),
        "classes": np.array([[b"cold", b"warm"]]),
    }


def inputs(label, served, scores):
    return metric_types.StandardMetricInputs(
        label=np.array([label.encode()]),
        prediction=answer(served, scores),
        example_weight=np.array([1.0]),
    )


IMAGES = [
    # A threshold of 0.7 has made the label of the second one.
    inputs("cold", "cold", [0.95, 0.05]),
    inputs("cold", "cold", [0.35, 0.65]),
    inputs("warm", "warm", [0.05, 0.95]),
    inputs("warm", "cold", [0.95, 0.05]),
]


def values(images=IMAGES, *, accumulators=1, model_names=("",)):
    """Model -> metric -> value."""
    found = {}
    computations: list[Any] = served_metrics.ServedMetrics().computations(
        model_names=list(model_names)
    )
    for computation in computations:
        combiner = computation.combiner
        parts = []
        for share in np.array_split(np.arange(len(images)), accumulators):
            accumulator = combiner.create_accumulator()
            for place in share:
                accumulator = combiner.add_input(accumulator, images[place])
            parts.append(accumulator)
        measured = combiner.extract_output(combiner.merge_accumulators(parts))
        assert set(measured) == set(computation.keys)
        for key, value in measured.items():
            found.setdefault(key.model_name, {})[key.name] = value
    return found


def test_all_metrics_come_of_one_sweep():
    found = values()[""]
    assert found["accuracy"] == 0.75
    assert found["recall"] == 0.75
    assert found["precision"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["auc"] == pytest.approx(2.5 / 4)
    assert found["log_loss"] == pytest.approx(-np.mean(np.log([0.95, 0.35, 0.95, 0.05])))
    assert json.loads(found["confusion"]) == {"cold": {"cold": 2}, "warm": {"cold": 1, "warm": 1}}
    assert json.loads(found["by_class"])["recall"] == {"cold": 1, "warm": 0.5}


def test_parts_of_a_split_are_merged():
    assert values(accumulators=3) == values()
    assert values(accumulators=7) == values()


def test_two_models_are_told_apart():
    both = metric_types.StandardMetricInputs(
        labels=np.array([b"cold"]),
        predictions={
            "candidate": answer("cold", [0.9, 0.1]),
            "baseline": answer("warm", [0.2, 0.8]),
        },
        example_weights=np.array([1.0]),
    )
    found = values([both], model_names=("candidate", "baseline"))
    assert {name: each["accuracy"] for name, each in found.items()} == {
        "candidate": 1,
        "baseline": 0,
    }
