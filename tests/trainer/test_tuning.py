"""The adapter to TFX's Tuner: what it makes of the arguments, and what decides an outcome."""

from types import SimpleNamespace

import pytest

from trainer.errors import ConfigError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SIZE = 75
SETTINGS = TrainerSettings.model_validate(
    {"image": {"size": SIZE}, "model": {"cut": "mixed1"}, "train": {"epochs": 1}}
)


@pytest.fixture(scope="module")
def files(make_images, write_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return write_examples(make_images(folder / "images", count=5), folder / "data", size=SIZE)


@pytest.fixture
def prepared(files, two_blocks, tmp_path, monkeypatch):
    """Calls `tuner_fn` and answers the search."""
    from trainer import run, tuning

    monkeypatch.setattr(run, "class_names", lambda folder: ["cold", "warm"])
    features = two_blocks(telling="mixed0").features.folder

    def prepare(*, weights="weights.h5", tune=None, **changes):
        config = {
            "settings": SETTINGS.model_dump(mode="json"),
            "tune": {"trials": 2, **(tune or {})},
            "weights": weights,
            "weights_sha256": "1",
            "code": "1",
            "checkpoints": str(tmp_path / "checkpoints"),
            "features": str(features),
            **changes,
        }
        arguments = SimpleNamespace(
            custom_config=config,
            train_files=files,
            transform_graph_path="graph",
            working_dir=str(tmp_path / "work"),
        )
        return tuning.tuner_fn(arguments)  # pyright: ignore[reportArgumentType]

    return prepare


def test_trials_are_judged_on_training_images_that_they_are_not_trained_on(prepared):
    material = prepared(tune={"holdout": 0.4}).tuner.material
    assert sorted(material.held_out.labels) == [0, 0, 1, 1]
    assert sorted(material.train.labels) == [0, 0, 0, 1, 1, 1]
    assert not set(material.train.digests) & set(material.held_out.digests)
    assert material.class_count == 2


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"code": "2"}, False),
        ({"weights_sha256": "2"}, False),
        ({"settings": {**SETTINGS.model_dump(mode="json"), "train": {"epochs": 2}}}, False),
        ({"tune": {"holdout": 0.5}}, False),
        ({"tune": {"trials": 9, "seed": 4, "dropout": [0.1]}}, True),
    ],
)
def test_outcomes_are_kept_for_what_decides_them(prepared, changes, is_same):
    assert (prepared(**changes).tuner.kept == prepared().tuner.kept) == is_same


def test_random_base_keeps_its_cut(prepared):
    assert "model.cut" not in prepared(weights=None).tuner.oracle.hyperparameters.values
    assert "model.cut" in prepared().tuner.oracle.hyperparameters.values
    with pytest.raises(ConfigError, match="random weights"):
        prepared(weights=None, tune={"cut": ["mixed0"]})
