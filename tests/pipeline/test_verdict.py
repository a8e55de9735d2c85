"""Gates compare what was measured with the bounds, and say it in a sentence."""

import pytest

from pipeline.config import Config
from pipeline.verdict import judge, weights_gate


def config(thresholds=None, *, untrained=False):
    return Config.model_validate(
        {
            "evaluate": {"thresholds": thresholds or {"accuracy": {"min": 0.8}}},
            "push": {"untrained": untrained},
        }
    )


@pytest.mark.parametrize(
    ("value", "passed", "sentence"),
    [
        (0.95, True, "Accuracy 0.9500 is at least 0.8."),
        (0.8, True, "Accuracy 0.8000 is at least 0.8."),
        (0.79, False, "Accuracy 0.7900 is not at least 0.8."),
        (None, False, "Accuracy could not be computed; it must be at least 0.8."),
        (float("nan"), False, "Accuracy nan is not at least 0.8."),
    ],
)
def test_lower_bound_is_held(value, passed, sentence):
    [gate] = judge(config(), {} if value is None else {"accuracy": value})
    assert (gate.check, gate.bound) == ("accuracy", {"min": 0.8})
    assert (gate.passed, gate.sentence) == (passed, sentence)


@pytest.mark.parametrize(
    ("value", "passed"), [(0.05, False), (0.1, True), (0.5, True), (0.6, False)]
)
def test_both_ends_are_held(value, passed):
    [_, gate] = judge(
        config({"accuracy": {"min": 0.8}, "log_loss": {"min": 0.1, "max": 0.5}}),
        {"accuracy": 0.9, "log_loss": value},
    )
    assert gate.passed is passed
    assert gate.sentence.startswith(f"Log loss {value:.4f} is ")
    assert gate.sentence.endswith("at least 0.1 and at most 0.5.")


def test_value_just_under_a_bound_is_told_from_it():
    [gate] = judge(config(), {"accuracy": 0.79999})
    assert not gate.passed
    assert gate.sentence == "Accuracy 0.79999 is not at least 0.8."


def test_trained_base_passes():
    gate = weights_gate(config(), is_trained=True)
    assert (gate.value, gate.passed) == (1.0, True)


@pytest.mark.parametrize(
    ("allowed", "said"),
    [(True, "for trying the machinery, not for use"), (False, "--set push.untrained=true")],
)
def test_random_base_passes_only_where_allowed(allowed, said):
    gate = weights_gate(config(untrained=allowed), is_trained=False)
    assert (gate.value, gate.bound, gate.passed) == (0.0, {"min": 1.0}, allowed)
    assert "RANDOM weights" in gate.sentence
    assert said in gate.sentence
