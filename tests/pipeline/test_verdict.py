"""A base that has learned nothing is pushed only where the configuration says so."""

import pytest

from pipeline.config import Config
from pipeline.verdict import weights_gate


def config(*, untrained=False):
    return Config.model_validate({"push": {"untrained": untrained}})


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
