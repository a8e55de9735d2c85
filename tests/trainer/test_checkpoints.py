"""Checkpoints: an interrupted training goes on as if nothing had happened."""

import json

import keras
import numpy as np
import pytest

from trainer import checkpoints
from trainer.checkpoints import EACH_EPOCH, Checkpoints, SeededDropout, State

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


class Clock:
    """Stands still, but for the seconds that each look at it takes."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.now = 0.0

    def __call__(self):
        self.now += self.seconds
        return self.now


def fit(built, folder, *, epochs, patience=0, **timing):
    before = checkpoints.read_state(folder)
    checkpoints.restore_last(built, folder, before)
    timing = timing or {"share": EACH_EPOCH}
    keeper = Checkpoints(folder, state=before, patience=patience, **timing)
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
    checkpoints.restore_best(built, folder, keeper)
    return keeper.state


@pytest.mark.parametrize("timing", [{}, {"share": 0.5, "clock": Clock(1)}])
def test_resumed_training_equals_one_that_was_never_interrupted(tmp_path, timing):
    through, halves = tmp_path / "through", tmp_path / "halves"
    through.mkdir()
    halves.mkdir()
    whole, resumed = network(), network()
    fit(network(), halves, epochs=3, **timing)
    assert fit(resumed, halves, epochs=6).epochs == fit(whole, through, epochs=6).epochs
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_epochs_are_written_as_seldom_as_writing_takes_long(tmp_path):
    # A look is a second and writing takes one: at a share of a fifth, the next is due 5 later.
    fit(network(), tmp_path, epochs=1, share=0.2, clock=Clock(1))
    assert checkpoints.read_state(tmp_path).done == 1
    fit(network(), tmp_path, epochs=9, share=0.2, clock=Clock(1))
    # After epoch 2, the first of its training, at 1 to 2, comes what ends at 7 or later.
    assert checkpoints.read_state(tmp_path).done == 7


def test_best_weights_are_those_of_the_best_epoch(tmp_path):
    first, further = network(), network()
    final = fit(first, tmp_path, epochs=4)
    # Later, worse epochs must not replace the best one, which was written before them.
    state_file = tmp_path / "state.json"
    state_file.write_text(json.dumps({"epochs": [*final.epochs[:-1], row(-1.0)]}))
    fit(further, tmp_path, epochs=6)
    for one, other in zip(first.get_weights(), further.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_best_weights_of_an_epoch_that_was_not_written_are_kept_in_memory(tmp_path):
    seldom, each = tmp_path / "seldom", tmp_path / "each"
    seldom.mkdir()
    each.mkdir()
    one, other = network(), network()
    assert fit(one, seldom, epochs=4, share=1e-9, clock=Clock(1)).best_epoch > 1
    fit(other, each, epochs=4)
    assert checkpoints.read_state(seldom).done == 1
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)


def test_training_stops_when_patience_is_out(tmp_path):
    built = network()
    fit(built, tmp_path, epochs=1)
    (tmp_path / "state.json").write_text(json.dumps({"epochs": [row(-1.0)]}))
    assert fit(built, tmp_path, epochs=20, patience=2).done == 3


def test_only_the_last_and_the_best_epoch_are_kept(tmp_path):
    fit(network(), tmp_path, epochs=3)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"weights-3.npz", "optimizer-3.npz", "state.json"}


def test_best_epoch_is_kept_beside_the_last(tmp_path):
    fit(network(), tmp_path, epochs=2)
    state_file = tmp_path / "state.json"
    first, _ = json.loads(state_file.read_text())["epochs"]
    state_file.write_text(json.dumps({"epochs": [first, row(-1.0)]}))
    fit(network(), tmp_path, epochs=4)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"weights-2.npz", "weights-4.npz", "optimizer-4.npz", "state.json"}


def test_a_half_written_checkpoint_is_not_used(tmp_path):
    fit(network(), tmp_path, epochs=2)
    # As after a kill between an epoch's weights and its state.
    (tmp_path / "weights-3.npz").write_bytes(b"half")
    (tmp_path / "optimizer-3.npz").write_bytes(b"half")
    assert checkpoints.read_state(tmp_path).done == 2
    assert fit(network(), tmp_path, epochs=3).done == 3
