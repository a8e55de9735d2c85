"""What the last layer gives before its activation, and how it is made to give less or more."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from trainer.model import SCORES


def read(
    trained: keras.Model, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """The logits of some rows, and their labels.

    Args:
      trained: ends in the layer of the scores.
      batches: (what `trained` is fed, labels [B]), one at least.

    Returns:
      float32 [N, 1] or [N, C], and int64 [N].
    """
    with _without_activation(trained):
        score = tf.function(lambda inputs: trained(inputs, training=False))
        found = [(score(inputs), labels) for inputs, labels in batches]
    logits, labels = zip(*found, strict=True)
    return np.concatenate([np.asarray(batch) for batch in logits]), _whole(labels)


def divide(trained: keras.Model, temperature: float) -> None:
    """Divide all logits by a number, for good."""
    layer = trained.get_layer(SCORES)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])


def _whole(labels: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(batch) for batch in labels]).astype(np.int64)


@contextmanager
def _without_activation(trained: keras.Model) -> Iterator[None]:
    # A score of 1.0 has forgotten its logit, so logits cannot be had from scores.
    layer = trained.get_layer(SCORES)
    activation = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation
