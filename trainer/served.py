"""What is served: the frozen base folded, and the head on what it gives."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from trainer.folded import FoldedBase


class Served(tf.Module):
    """Pixels uint8 [N, size, size, 3] -> scores float32 [N, 1] or [N, C].

    Args:
      base: the whole base up to the cut, folded after training.
      head: float32 [N, features] -> scores.
      is_pooled: whether the head takes the spatial means, or the whole map.
      both_sides: whether the spatial means are those of an image and its mirror image.
    """

    def __init__(
        self, base: FoldedBase, head: keras.Model, *, is_pooled: bool, both_sides: bool = False
    ) -> None:
        super().__init__(name="served")
        self.base = base
        # A name of its own: Keras would number the graph's names by all that it has ever made.
        self.head = keras.Model(head.inputs[0], head.outputs[0], name="head")
        self.is_pooled = is_pooled
        self.both_sides = both_sides

    @property
    def variables(self) -> Sequence[keras.Variable]:
        """The head's: the base holds its weights as constants."""
        return self.head.variables

    def __call__(self, pixels: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Classify some images."""
        inputs = self._pooled(pixels) if self.is_pooled else self._flat(pixels)
        return self.head(inputs, training=training)

    def _pooled(self, pixels: tf.Tensor) -> tf.Tensor:
        """The topmost blocks are what the head is fed."""
        columns = self.head.input_shape[-1]
        if not self.both_sides:
            return self.base(pixels).topmost(columns)
        sides = tf.concat([pixels, tf.image.flip_left_right(pixels)], axis=0)
        return tf.add_n(tf.split(self.base(sides).topmost(columns), 2)) / 2

    def _flat(self, pixels: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(self.base(pixels).map, [-1, self.head.input_shape[-1]])
        return tf.cast(flat, tf.float32)
