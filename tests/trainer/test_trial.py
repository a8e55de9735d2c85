"""A trial trains a head on what its settings read of the features, and judges it fairly."""

from dataclasses import asdict

import numpy as np
import pytest

from trainer import checkpoints, search_space, trial
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SETTINGS = TrainerSettings.model_validate(
    {
        "model": {"cut": "mixed1", "pooled_blocks": 1, "l2": 0.01},
        "train": {"epochs": 6, "batch_size": 16, "learning_rate": 0.05},
    }
)


def outcome(material, **values):
    dotted = {name.replace("__", "."): value for name, value in values.items()}
    return trial.run(search_space.with_hyperparameters(SETTINGS, dotted), material)


def test_head_on_a_lower_cut_reads_the_features_of_that_cut(two_blocks):
    material = two_blocks(telling="mixed0")
    assert outcome(material, model__cut="mixed0").val_accuracy == 1.0
    assert outcome(material).val_accuracy < 0.9
    assert outcome(material, model__pooled_blocks=2).val_accuracy == 1.0


def test_flatten_head_reads_the_map_at_the_cut(two_blocks):
    assert outcome(two_blocks(telling="map"), model__head="flatten").val_accuracy == 1.0
    assert outcome(two_blocks(telling="mixed0"), model__head="flatten").val_accuracy < 0.9


def test_more_than_two_classes_are_told_apart(two_blocks):
    assert outcome(two_blocks(telling="mixed1", class_count=3)).val_accuracy == 1.0


def test_same_settings_have_the_same_outcome(two_blocks):
    material = two_blocks(telling="mixed1")
    values = {"model__dropout": 0.5, "model__dense_units": 4}
    one, other = (asdict(outcome(material, **values)) for _ in range(2))
    assert one.pop("seconds") > 0
    assert other.pop("seconds") > 0
    assert one == other


def test_penalty_on_weights_is_no_part_of_the_loss(two_blocks, monkeypatch):
    kept = []

    class Watched(checkpoints.BestWeights):
        def __init__(self, state):
            super().__init__(state)
            kept.append(self)

    monkeypatch.setattr(checkpoints, "BestWeights", Watched)
    found = outcome(two_blocks(telling="mixed1"), model__calibrate=False, model__l2=0.4)
    [best] = kept
    [kernel] = [weights for weights in best.weights if weights.ndim == 2]
    penalty = 0.4 / 2 * np.square(kernel).sum()
    assert penalty > 0.01
    with_penalty = best.state.epochs[best.state.best_epoch - 1]["val_loss"]
    assert found.val_loss == pytest.approx(with_penalty - penalty, abs=1e-4)


def test_loss_is_that_after_calibration_where_one_is_wanted(two_blocks):
    material = two_blocks(telling="mixed1")
    as_trained = outcome(material, model__calibrate=False, model__l2=3.0).val_loss
    assert outcome(material, model__l2=3.0).val_loss < as_trained


def test_epoch_is_the_best_and_not_the_last(two_blocks):
    material = two_blocks(telling="mixed1", noise=3.0)
    found = outcome(material, train__epochs=12, train__learning_rate=1.0, model__l2=0.0)
    assert 1 <= found.epoch < 12
