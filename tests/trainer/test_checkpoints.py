"""Checkpoints: an interrupted training goes on as if nothing had happened."""

import json

import keras
import numpy as np
import pytest

from trainer import checkpoints
from trainer.checkpoints import Checkpoints, SeededDropout, State

pytestmark = pytest.mark.graph


def row(val_loss):
    return {"loss": 1.0, "accuracy": 0.5, "val_loss": val_loss, "val_accuracy": 0.5}


def state(*val_losses):
    return State([row(each) for each in val_losses])


@pytest.mark.parametrize(
    ("losses", "best"), [((), 0), ((3.0,), 1), ((3.0, 1.0, 2.0), 2), ((2.0, 2.0), 1)]
)
def test_best_epoch_has_the_lowest_validation_loss(losses, best):
    assert state(*losses).best_epoch == best


@pytest.mark.parametrize(
    ("losses", "patience", "is_out"),
    [((1.0, 2.0, 2.0), 2, True), ((1.0, 2.0), 2, False), ((1.0, 2.0, 2.0), 0, False)],
)
def test_patience_counts_the_epochs_since_the_best(losses, patience, is_out):
    assert state(*losses).is_out_of_patience(patience) is is_out


def network():
    keras.utils.set_random_seed(3)
    built = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    built.compile(optimizer="adam", loss="mse", metrics=["accuracy"])
    return built


def fit(built, folder, *, epochs, patience=0):
    before = checkpoints.read_state(folder)
    checkpoints.restore_last(built, folder, before)
    keeper = Checkpoints(folder, state=before, patience=patience)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6)), rng.normal(size=(32, 1))
    built.fit(
        x,
        y,
        validation_data=(x, y),
        shuffle=False,
        initial_epoch=before.done,
        epochs=epochs,
        callbacks=[SeededDropout(5), keeper],
        verbose=0,
    )
    return keeper.state


def test_resumed_training_equals_one_that_was_never_interrupted(tmp_path):
    through, halves = tmp_path / "through", tmp_path / "halves"
    through.mkdir()
    halves.mkdir()
    whole, resumed = network(), network()
    fit(network(), halves, epochs=3)
    assert fit(resumed, halves, epochs=6).epochs == fit(whole, through, epochs=6).epochs
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_best_weights_are_those_of_the_best_epoch(tmp_path):
    built = network()
    final = fit(built, tmp_path, epochs=4)
    # A later, worse epoch must not replace the best one.
    state_file = tmp_path / "state.json"
    state_file.write_text(json.dumps({"epochs": [*final.epochs[:-1], row(-1.0)]}))
    best = built.get_weights()
    built.save_weights(tmp_path / "best.weights.h5")
    fit(built, tmp_path, epochs=6)
    checkpoints.restore_best(built, tmp_path)
    for one, other in zip(best, built.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_training_stops_when_patience_is_out(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"epochs": [row(-1.0)]}))
    built = network()
    built.save_weights(tmp_path / "epoch-1.weights.h5")
    assert fit(built, tmp_path, epochs=20, patience=2).done == 3


def test_only_the_last_and_the_best_epoch_are_kept(tmp_path):
    fit(network(), tmp_path, epochs=3)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"epoch-3.weights.h5", "best.weights.h5", "state.json"}


def test_a_half_written_checkpoint_is_not_used(tmp_path):
    fit(network(), tmp_path, epochs=2)
    # As after a kill between an epoch's weights and its state.
    (tmp_path / "epoch-3.weights.h5").write_bytes(b"half")
    assert checkpoints.read_state(tmp_path).done == 2
    assert fit(network(), tmp_path, epochs=3).done == 3
