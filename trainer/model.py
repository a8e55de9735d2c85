"""The classifier: an encoder from pixels to features, and a head from features to scores."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trainer import fused, images
from trainer.blocks import CHANNELS, Block, width
from trainer.normalization import BlockNormalization
from trainer.settings import ImageSettings, ModelSettings, TrainSettings

SCORES = "scores"
"""Name of the layer that scores come from."""


@dataclass(frozen=True)
class Classifier:
    """Both halves, and the whole that shares their weights.

    encoder: uint8 or float32 [N, size, size, 3] in 0..255 -> float32 [N, features]
    head: float32 [N, features] -> float32 [N, 1] (two classes) or [N, C] (more)
    whole: the head on the encoder
    threshold: the least score of the second of two classes at which it is the label; None: the
      class with the highest score is
    """

    encoder: keras.Model
    head: keras.Model
    whole: keras.Model
    threshold: float | None = None


def build(
    backbone: keras.Model, *, image: ImageSettings, model: ModelSettings, class_count: int
) -> Classifier:
    """Put a head for `class_count` classes (2 or more) on a backbone cut at some layer."""
    base = _with_outputs(backbone, model)
    encoder = _encoder(base, image, model)
    flat = encoder.output_shape[-1]
    widths = [output.shape[-1] for output in base.outputs] if model.head == "pooled" else [flat]
    head = build_head(widths, model, class_count)
    x = encoder.output
    for layer in head.layers:
        x = layer(x)
    return Classifier(
        encoder=encoder, head=head, whole=keras.Model(encoder.input, x, name="classifier")
    )


def build_head(widths: Sequence[int], model: ModelSettings, class_count: int) -> keras.Model:
    """A head on its own: float32 [N, sum of `widths`] -> float32 [N, 1] or [N, class_count].

    Args:
        widths: the features of each block, side by side.
        model: the head's settings.
        class_count: 2 or more.
    """
    layers: list[Any] = [keras.Input((sum(widths),), name="features")]
    if model.normalize:
        layers.append(BlockNormalization(widths, name="normalization"))
    if model.dense_units:
        layers.append(keras.layers.Dense(model.dense_units, activation="relu", name="dense"))
    if model.dropout:
        layers.append(keras.layers.Dropout(model.dropout, name="dropout"))
    units, activation = (1, "sigmoid") if class_count == 2 else (class_count, "softmax")
    layers.append(
        keras.layers.Dense(
            units,
            activation=activation,
            # The loss of a linear head has one minimum. What the data say nothing of stays zero.
            kernel_initializer="glorot_uniform" if model.dense_units else "zeros",
            kernel_regularizer=_penalty(model.l2, class_count),
            # Scores stay float32 under mixed precision: a bfloat16 probability has three digits.
            dtype="float32",
            name=SCORES,
        )
    )
    return keras.Sequential(layers, name="head")


def columns(model: ModelSettings, blocks: Sequence[Block]) -> slice:
    """Where a pooled head's features lie in rows that hold the means of `blocks` side by side."""
    end = width(blocks)
    return slice(end - width(blocks[-model.pooled_blocks :]), end)


def reduced(maps: Sequence[Any], model: ModelSettings) -> Any:
    """What a head is fed: Keras tensors [N, h, w, c] of a base's outputs -> float32 [N, features].

    The features leave the base in full precision, whatever it computes in.
    """
    if model.head == "flatten":
        return keras.layers.Flatten(name="flatten", dtype="float32")(maps[-1])
    pools = [keras.layers.GlobalAveragePooling2D(dtype="float32") for _ in maps]
    means = [pool(output) for pool, output in zip(pools, maps, strict=True)]
    return (
        keras.layers.Concatenate(name="pooled", dtype="float32")(means) if means[1:] else means[0]
    )


def adapt(head: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Measure what a head must know of its features before it is trained.

    Args:
        head: from `build`.
        batches: training rows, [B, features] each; not looked at where nothing is measured.
    """
    for layer in head.layers:
        if isinstance(layer, BlockNormalization):
            layer.adapt(batches)


def _with_outputs(backbone: keras.Model, model: ModelSettings) -> keras.Model:
    """The backbone with an output for each layer that the head is fed from, the cut last."""
    if model.head == "flatten" or model.pooled_blocks == 1:
        return backbone
    *below, cut = backbone.layers
    blocks = [layer for layer in below if layer.name in CHANNELS]
    layers = [*blocks[1 - model.pooled_blocks :], cut]
    outputs = [layer.output for layer in layers]
    return keras.Model(backbone.inputs[0], outputs, name=backbone.name)


def _encoder(base: keras.Model, image: ImageSettings, model: ModelSettings) -> keras.Model:
    factor, offset = images.scaling_constants(image.scaling)
    pixels = keras.Input((image.size, image.size, 3), name="pixels")
    maps = base(keras.layers.Rescaling(factor, offset, name="scaling")(pixels))
    maps = maps if isinstance(maps, list) else [maps]
    return keras.Model(pixels, reduced(maps, model), name="encoder")


def _penalty(l2: float, class_count: int) -> keras.regularizers.Regularizer | None:
    # The more classes, the smaller the gradient of each one's weights in the mean loss.
    return keras.regularizers.L2(l2 / class_count) if l2 else None


def compile_for_training(
    model: keras.Model, train: TrainSettings, *, class_count: int, thawed: Sequence[keras.Variable]
) -> None:
    """Give the model its optimizer, loss and metrics; `thawed` variables learn more slowly."""
    model.compile(
        optimizer=_optimizer(train, thawed),
        loss="binary_crossentropy" if class_count == 2 else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def learning_rates(train: TrainSettings) -> list[keras.callbacks.Callback]:
    """What changes the learning rate from epoch to epoch; it hangs on the epoch alone."""
    if train.learning_rate_schedule == "constant":
        return []

    def cosine(epoch: int, _: float) -> float:
        return train.learning_rate * (1 + math.cos(math.pi * epoch / train.epochs)) / 2

    return [keras.callbacks.LearningRateScheduler(cosine)]


def _optimizer(train: TrainSettings, thawed: Sequence[keras.Variable]) -> keras.Optimizer:
    classes: dict[str, type[keras.Optimizer]] = {
        "rmsprop": fused.rmsprop(),
        "adam": keras.optimizers.Adam,
        "sgd": keras.optimizers.SGD,
    }
    chosen = classes[train.optimizer]
    if thawed:
        factor = train.thaw_learning_rate / train.learning_rate
        chosen = _slower_for(chosen, {variable.path for variable in thawed}, factor)
    return chosen(learning_rate=train.learning_rate)


def _slower_for(
    optimizer: type[keras.Optimizer], paths: set[str], factor: float
) -> type[keras.Optimizer]:
    """An optimizer whose learning rate is multiplied by `factor` for the variables `paths`."""

    class TwoRates(optimizer):
        # Keras' own signature. TensorFlow's variables come in here, a copy of each on every
        # device, so they are known by the place that the optimizer gave them.
        def update_step(self, gradient: Any, variable: Any, learning_rate: keras.Variable) -> None:
            known = self._trainable_variables[self._get_variable_index(variable)]
            rate = learning_rate * factor if known.path in paths else learning_rate
            super().update_step(gradient, variable, rate)

    return TwoRates
