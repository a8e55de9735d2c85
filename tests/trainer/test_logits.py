"""Logits are read before the activation, and dividing them changes the scores as it should."""

import keras
import numpy as np
import pytest

from trainer import logits

pytestmark = pytest.mark.graph

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
LABELS = np.array([0, 1, 1, 0, 1])


def network(units=1, activation="sigmoid", scale=1.0):
    scores = keras.layers.Dense(units, activation=activation, name="scores")
    model = keras.Sequential([keras.Input((4,)), scores])
    scores.set_weights([np.full((4, units), scale) * np.arange(1, units + 1), np.ones(units)])
    return model


def read(model):
    return logits.read(model, [(ROWS[:2], LABELS[:2]), (ROWS[2:], LABELS[2:])])


def test_logits_become_the_scores_by_the_activation():
    model = network()
    found, labels = read(model)
    assert found.shape == (5, 1)
    assert labels.tolist() == LABELS.tolist()
    assert np.allclose(1 / (1 + np.exp(-found)), model(ROWS), atol=1e-6)


def test_logits_of_scores_that_are_certain_are_known():
    found, _ = read(network(scale=1000.0))
    assert np.abs(found).max() > 1000


def test_reading_leaves_the_activation():
    model = network(3, "softmax")
    read(model)
    assert np.allclose(np.asarray(model(ROWS)).sum(axis=1), 1)


def test_dividing_divides_all_logits():
    model = network(3, "softmax")
    before, _ = read(model)
    logits.divide(model, 2.5)
    assert np.allclose(read(model)[0], before / 2.5, atol=1e-6)
