"""RMSprop in one pass over the weights, instead of one for each of its arithmetic operations.

A flattened map has tens of millions of weights, and going over them is what a step costs.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def rmsprop() -> type[keras.optimizers.RMSprop]:
    """The class that suits the devices in use: each of several would need a kernel of its own."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return FusedRMSprop if replicas == 1 else keras.optimizers.RMSprop


class FusedRMSprop(keras.optimizers.RMSprop):
    """Keras' RMSprop without momentum, computed by TensorFlow's own kernel: the same numbers."""

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the state, and what the kernel needs to write to besides."""
        super().build(variables)
        # Where momentum is 0, the kernel's third slot is written anew at each step: no state.
        self._scratch = [tf.Variable(tf.zeros_like(each.value)) for each in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable."""
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._velocities[place].value.handle,
            mom=self._scratch[place].handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=tf.cast(self.rho, variable.dtype),
            momentum=tf.cast(0.0, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=gradient,
        )
