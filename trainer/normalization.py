"""Features brought to one measure, with what was measured on the training rows."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np


class BlockNormalization(keras.layers.Layer):
    """Features [N, F] less their means, each block divided by its own standard deviation.

    One number scales a whole block. A number for each feature, as in Keras' Normalization, makes
    as much of the channels that hardly ever speak, and measures worse (decision note 3).

    Args:
        widths: the features of each block, side by side.
    """

    def __init__(self, widths: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.widths = tuple(widths)
        shape = (sum(self.widths),)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros")
        self.factor = self.add_weight(name="factor", shape=shape, initializer="ones")

    def call(self, inputs: Any) -> Any:
        """[N, F] -> float32 [N, F]"""
        return (inputs - self.mean) * self.factor

    def adapt(self, batches: Iterable[np.ndarray]) -> None:
        """Take means and deviations from rows: batches of [B, F], one at least, one by one."""
        count = 0
        total = np.zeros(sum(self.widths))
        squares = np.zeros_like(total)
        for batch in batches:
            rows = np.asarray(batch, np.float64)
            count += len(rows)
            total += rows.sum(axis=0)
            squares += (rows**2).sum(axis=0)
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0)
        self.mean.assign(mean)
        self.factor.assign(self._factors(variance))

    def _factors(self, variance: np.ndarray) -> np.ndarray:
        deviations = [
            np.full(width, np.sqrt(block.mean()))
            for width, block in zip(
                self.widths, np.split(variance, np.cumsum(self.widths)[:-1]), strict=True
            )
        ]
        spread = np.concatenate(deviations)
        # Features that are the same in every row say nothing, whatever they are divided by.
        return 1 / np.where(spread > 0, spread, 1)

    def get_config(self) -> dict[str, Any]:
        """What makes the layer again."""
        return {**super().get_config(), "widths": self.widths}
