"""RMSprop in one pass gives the numbers of Keras' own."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.fused import FusedRMSprop, rmsprop

pytestmark = pytest.mark.graph

SETTINGS: Any = {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-5}


def fitted(optimizer, *, epochs=3):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(5), keras.layers.Dense(1)])
    network.compile(optimizer=optimizer, loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 8)), rng.normal(size=(32, 1))
    network.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)  # pyright: ignore[reportArgumentType]  Keras documents 0
    return network


def test_weights_are_those_of_keras_after_some_steps():
    ours = fitted(FusedRMSprop(**SETTINGS)).get_weights()
    theirs = fitted(keras.optimizers.RMSprop(**SETTINGS)).get_weights()
    begun = fitted(keras.optimizers.RMSprop(**SETTINGS), epochs=0).get_weights()
    for one, other, before in zip(ours, theirs, begun, strict=True):
        assert not np.allclose(other, before, atol=1e-3)
        assert np.allclose(one, other, atol=1e-6)


def test_state_goes_on_from_a_checkpoint(tmp_path):
    whole = fitted(FusedRMSprop(**SETTINGS))
    whole.save_weights(tmp_path / "all.weights.h5")
    again = fitted(FusedRMSprop(**SETTINGS), epochs=0)
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "all.weights.h5")
    pairs = zip(whole.optimizer.variables, again.optimizer.variables, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_several_devices_are_left_to_keras(monkeypatch):
    assert rmsprop() is FusedRMSprop
    monkeypatch.setattr(
        tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=2)
    )
    assert rmsprop() is keras.optimizers.RMSprop
