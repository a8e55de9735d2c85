"""The Trainer step hands the folder of the frozen features on."""

import json
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.graph


@pytest.fixture
def arguments(monkeypatch):
    """What `run_fn` is given as `custom_config`."""
    from components import trainer_step

    def stock(self, inputs, outputs, properties):
        return SimpleNamespace(custom_config=json.loads(properties["custom_config"]))

    monkeypatch.setattr(trainer_step.GenericExecutor, "_GetFnArgs", stock)

    def given(inputs):
        properties = {"custom_config": json.dumps({"code": "1"})}
        return trainer_step.TrainerExecutor()._GetFnArgs(inputs, {}, properties).custom_config

    return given


def test_folder_of_the_features_is_handed_on(arguments):
    from components.artifacts import FrozenFeatures

    frozen = FrozenFeatures()
    frozen.uri = "artifacts/7"
    assert arguments({"features": [frozen]}) == {"code": "1", "features": "artifacts/7"}


def test_without_features_nothing_is_added(arguments):
    assert arguments({}) == {"code": "1"}
