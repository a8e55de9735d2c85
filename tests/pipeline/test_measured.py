"""What the Evaluator measured is told as a whole, by class, by property and as a table."""

import pytest

from components.model_checks import Baseline

pytestmark = pytest.mark.graph

METRICS = {
    "": {"accuracy": 0.5},
    "image/class/text:cats": {"accuracy": 0.6},
    "image/class/text:12:30": {"accuracy": 0.4},
    "image/brightness/bucket:dark": {"accuracy": 0.7},
    "image/brightness/bucket:bright": {"accuracy": 0.8},
    "image/format:JPEG": {"accuracy": 0.9},
}


@pytest.fixture(scope="module")
def told():
    from components.evaluations import Evaluation
    from pipeline import measured

    def tell(baseline=None, **more):
        confusion = {"cats": {"cats": 6, "12:30": 4}, "12:30": {"12:30": 3}}
        return measured.told(Evaluation("d", {**METRICS, **more}, confusion, baseline))

    return tell


def test_evaluation_is_told_as_a_whole_by_class_and_by_property(told):
    found = told()
    assert found["evaluation"] == {"accuracy": 0.5}
    assert found["evaluation_by_class"] == {"cats": {"accuracy": 0.6}, "12:30": {"accuracy": 0.4}}
    assert found["evaluation_by_slice"] == {
        "brightness": {"dark": {"accuracy": 0.7}, "bright": {"accuracy": 0.8}},
        "format": {"JPEG": {"accuracy": 0.9}},
    }


def test_of_many_groups_the_least_accurate_are_told(told):
    groups = {f"image/group:p{n}": {"accuracy": n / 100} for n in range(99, 0, -1)}
    found = told(**groups)["evaluation_by_slice"]["group"]
    assert sorted(found) == sorted(f"p{n}" for n in range(1, 21))


def test_confusion_is_a_whole_table_with_zeros(told):
    assert told()["confusion"] == {
        "cats": {"cats": 6, "12:30": 4},
        "12:30": {"cats": 0, "12:30": 3},
    }


def test_baseline_is_told_with_its_version_and_metrics(told):
    assert told()["baseline"] is None
    assert told(Baseline(7, {"accuracy": 0.4}))["baseline"] == {
        "version": 7,
        "metrics": {"accuracy": 0.4},
    }
