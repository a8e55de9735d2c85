"""The folded base: the frozen base as a plain TensorFlow graph, quick and in one precision.

It gives what Keras' own model gives, from pixels in 0..255, and every block's spatial means
besides, so that a head can be fed without the map. What a graph does not use, it does not compute.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from trainer import folding, images
from trainer.blocks import CHANNELS, Block
from trainer.processor import Precision
from trainer.settings import ImageSettings


class Features(NamedTuple):
    """What a base makes of N images.

    map: [N, height, width, channels], the output at the cut, in the precision that it has there
    means: float32 [N, channels], the spatial means of each of `FoldedBase.blocks`
    """

    map: tf.Tensor
    means: tuple[tf.Tensor, ...]

    @property
    def pooled(self) -> tf.Tensor:
        """All means side by side, float32 [N, columns]; see `trainer.blocks`."""
        return tf.concat(self.means, axis=1)

    def topmost(self, columns: int) -> tf.Tensor:
        """The last `columns` of `pooled`, with no work for the blocks below them."""
        needed = self.means[-1:]
        while sum(int(means.shape[1]) for means in needed) < columns:  # pyright: ignore[reportArgumentType]  known
            needed = self.means[-len(needed) - 1 :]
        return tf.concat(needed, axis=1)[:, -columns:]


class FoldedBase(tf.Module):
    """Pixels uint8 [N, size, size, 3] -> Features.

    Its weights are constants: they take no part in training, and TensorFlow lays them out for the
    convolutions once instead of at each call.

    blocks: each block below the cut, from the pixels up, and the cut itself, last.
    """

    def __init__(
        self,
        steps: dict[str, folding.Step],
        *,
        blocks: tuple[Block, ...],
        size: int,
        precision: Precision,
        frozen: frozenset[folding.Step],
    ) -> None:
        super().__init__(name="folded_base")
        self.blocks = blocks
        self.precision: Precision = precision
        self._frozen = frozen
        self._outputs = [steps[block.name] for block in blocks]
        forward = tf.function(
            self._features, input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8)]
        )
        # A method, which TensorFlow does not track: a SavedModel would hold all weights twice.
        self._forward = forward.__call__

    def __call__(self, pixels: tf.Tensor) -> Features:
        """The features of some images.

        Inside another function they become a part of its graph. A function of their own would
        always compute both: TensorFlow prunes graphs, but not what a called function gives.
        """
        return self._forward(pixels) if tf.executing_eagerly() else self._features(pixels)

    # The graph hangs on no tensor's value, and AutoGraph cannot read `match`.
    @tf.autograph.experimental.do_not_convert
    def _features(self, pixels: tf.Tensor) -> Features:
        graph = _Graph(pixels, self.precision, self._frozen)
        outputs = [graph.rounded(step) for step in self._outputs]
        means = (tf.reduce_mean(tf.cast(output, tf.float32), axis=[1, 2]) for output in outputs)
        return Features(map=outputs[-1], means=tuple(means))


def fold(
    backbone: keras.Model,
    *,
    image: ImageSettings,
    precision: Precision,
    frost_line: str | None = None,
) -> FoldedBase:
    """The base that answers as `backbone` does after `image.scaling`, with its weights of now.

    Args:
        backbone: from `trainer.backbone`; random ones calibrated, thawed ones trained.
        image: size and scaling of the images.
        precision: what every convolution is computed in. See `trainer.precision`.
        frost_line: the layer above which the base was trained, in float32, which it therefore
            computes in; None where nothing is.
    """
    factor, offset = images.scaling_constants(image.scaling)
    steps = folding.fold(backbone, factor=factor, offset=offset)
    cut = backbone.layers[-1]
    below = tuple(Block(name, CHANNELS[name]) for name in CHANNELS if name in steps)
    blocks = tuple(block for block in below if block.name != cut.name)
    return FoldedBase(
        steps,
        blocks=(*blocks, Block(cut.name, cut.output.shape[-1])),
        size=image.size,
        precision=precision,
        frozen=folding.up_to(steps[frost_line or cut.name]),
    )


class _Graph:
    """The steps as TensorFlow operations; each step once."""

    def __init__(
        self, pixels: tf.Tensor, precision: Precision, frozen: frozenset[folding.Step]
    ) -> None:
        self._pixels = tf.cast(pixels, tf.float32)
        self._precision = precision
        self._frozen = frozen
        self._outputs: dict[folding.Step, tf.Tensor] = {}

    def output(self, step: folding.Step) -> tf.Tensor:
        """[N, height, width, channels]"""
        if step not in self._outputs:
            self._outputs[step] = self._operation(step)
        return self._outputs[step]

    def rounded(self, step: folding.Step) -> tf.Tensor:
        """The output of a step, as exact as it is kept."""
        return tf.cast(self.output(step), self._precision_of(step))

    def _precision_of(self, step: folding.Step) -> str:
        return self._precision if step in self._frozen else "float32"

    def _operation(self, step: folding.Step) -> tf.Tensor:
        match step:
            case folding.Pixels():
                return self._pixels
            case folding.Convolution():
                return self._convolution(step)
            case folding.Pooling():
                pool: Any = {"MAX": tf.nn.max_pool2d, "AVG": tf.nn.avg_pool2d}[step.kind]
                x = tf.cast(self.output(step.source), self._precision_of(step))
                return pool(x, step.window, step.strides, step.padding)
            case folding.Concatenation():
                return tf.concat([self.output(source) for source in step.sources], axis=-1)

    def _convolution(self, step: folding.Convolution) -> tf.Tensor:
        # The first convolution passes colours on, the second finds edges in their small
        # differences, which rounding in between would blur (decision note 7).
        precision = tf.float32 if step.is_at_the_bottom else self._precision_of(step)
        x = tf.cast(self.output(step.source), precision)
        kernel, bias = (tf.constant(value, precision) for value in (step.kernel, step.bias))
        # Convolution, bias and relu in just this order: TensorFlow makes them one operation.
        x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, step.strides, step.padding), bias)
        return tf.nn.relu(x) if step.relu else x
