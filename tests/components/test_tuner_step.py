"""The Tuner step hands the features on, and leaves the best values and all trials."""

import json
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.graph


@pytest.fixture
def frozen():
    from components.artifacts import FrozenFeatures

    artifact = FrozenFeatures()
    artifact.uri = "artifacts/7"
    return {"features": [artifact]}


def test_folder_of_the_features_is_handed_on(frozen):
    from components import tuner_step

    properties = {"custom_config": json.dumps({"code": "1"}), "tuner_fn": "a.b"}
    handed = tuner_step.with_features(properties, frozen)
    assert json.loads(handed["custom_config"]) == {"code": "1", "features": "artifacts/7"}
    assert handed["tuner_fn"] == "a.b"
    assert json.loads(properties["custom_config"]) == {"code": "1"}


def test_trials_lie_beside_tfxs_own_results(frozen, tmp_path, monkeypatch):
    from tfx.types import standard_artifacts

    from components import tuner_step
    from trainer import search

    outputs = {
        "best_hyperparameters": [standard_artifacts.HyperParameters()],
        "tuner_results": [standard_artifacts.TunerResults()],
    }
    for name, [artifact] in outputs.items():
        artifact.uri = str(tmp_path / name)
        (tmp_path / name).mkdir()
    best = SimpleNamespace(get_config=lambda: {"values": {"model.dropout": 0.5}})
    found = SimpleNamespace(
        get_best_hyperparameters=lambda: [best],
        oracle=SimpleNamespace(get_best_trials=lambda count: [], max_trials=1),
    )
    asked = {}

    def searched(inputs, properties, folder):
        asked.update(json.loads(properties["custom_config"]))
        return found

    monkeypatch.setattr(tuner_step.executor, "search", searched)
    monkeypatch.setattr(search, "write", lambda one, path: path.write_text("all"))
    step = tuner_step.TunerExecutor()
    monkeypatch.setattr(step, "_get_tmp_dir", lambda: str(tmp_path))
    step.Do(frozen, outputs, {"custom_config": "{}"})
    assert asked == {"features": "artifacts/7"}
    assert (tmp_path / "tuner_results" / "trials.json").read_text() == "all"
    [written] = (tmp_path / "best_hyperparameters").iterdir()
    assert json.loads(written.read_text()) == {"values": {"model.dropout": 0.5}}
