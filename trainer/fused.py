"""RMSprop in one pass over the weights, instead of one for each of its arithmetic operations.

A flattened map has tens of millions of weights, and going over them is what a step costs.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def rmsprop() -> type[keras.optimizers.RMSprop]:
    """The class that suits the devices in use: several are left to Keras, which knows how."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return FusedRMSprop if replicas == 1 else keras.optimizers.RMSprop


class FusedRMSprop(keras.optimizers.RMSprop):
    """Keras' RMSprop without momentum, compiled by XLA: the same numbers."""

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the state, and what changes it."""
        super().build(variables)
        self._compiled = tf.function(self._change, jit_compile=True)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable."""
        velocity = self._velocities[self._get_variable_index(variable)].value
        self._compiled(variable, velocity, gradient, tf.cast(learning_rate, variable.dtype))

    def _change(
        self, variable: tf.Variable, velocity: tf.Variable, gradient: tf.Tensor, rate: tf.Tensor
    ) -> None:
        velocity.assign(self.rho * velocity + (1 - self.rho) * tf.square(gradient))
        variable.assign_sub(rate * gradient * tf.math.rsqrt(velocity + self.epsilon))
