"""The classifier: an encoder from pixels to features, and a head from features to scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from trainer import images
from trainer.settings import ImageSettings, ModelSettings, TrainSettings


@dataclass(frozen=True)
class Classifier:
    """Both halves, and the whole that shares their weights.

    encoder: uint8 or float32 [N, size, size, 3] in 0..255 -> float32 [N, features]
    head: float32 [N, features] -> float32 [N, 1] (two classes) or [N, C] (more)
    whole: the head on the encoder
    """

    encoder: keras.Model
    head: keras.Model
    whole: keras.Model


def build(
    backbone: keras.Model, *, image: ImageSettings, model: ModelSettings, class_count: int
) -> Classifier:
    """Put a head for `class_count` classes (2 or more) on a backbone cut at some layer."""
    encoder = _encoder(backbone, image, model)
    head = _head(encoder.output_shape[-1], model, class_count)
    pixels = keras.Input((image.size, image.size, 3), name="pixels")
    x = pixels
    for layer in (*encoder.layers, *head.layers):
        x = layer(x)
    return Classifier(encoder=encoder, head=head, whole=keras.Model(pixels, x, name="classifier"))


def _encoder(backbone: keras.Model, image: ImageSettings, model: ModelSettings) -> keras.Model:
    factor, offset = images.scaling_constants(image.scaling)
    pooled = model.head == "pooled"
    reduce = keras.layers.GlobalAveragePooling2D if pooled else keras.layers.Flatten
    return keras.Sequential(
        [
            keras.Input((image.size, image.size, 3), name="pixels"),
            keras.layers.Rescaling(factor, offset, name="scaling"),
            backbone,
            # The features leave the frozen base in full precision, whatever it computes in.
            reduce(name=model.head, dtype="float32"),
        ],
        name="encoder",
    )


def _head(feature_count: int, model: ModelSettings, class_count: int) -> keras.Model:
    layers: list[Any] = [keras.Input((feature_count,), name="features")]
    if model.dense_units:
        layers.append(keras.layers.Dense(model.dense_units, activation="relu", name="dense"))
    if model.dropout:
        layers.append(keras.layers.Dropout(model.dropout, name="dropout"))
    units, activation = (1, "sigmoid") if class_count == 2 else (class_count, "softmax")
    # Scores stay float32 under mixed precision: a bfloat16 probability has three digits.
    layers.append(keras.layers.Dense(units, activation=activation, dtype="float32", name="scores"))
    return keras.Sequential(layers, name="head")


def compile_for_training(
    model: keras.Model, train: TrainSettings, *, class_count: int, thawed: Sequence[keras.Variable]
) -> None:
    """Give the model its optimizer, loss and metrics; `thawed` variables learn more slowly."""
    model.compile(
        optimizer=_optimizer(train, thawed),
        loss="binary_crossentropy" if class_count == 2 else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def _optimizer(train: TrainSettings, thawed: Sequence[keras.Variable]) -> keras.Optimizer:
    classes: dict[str, type[keras.Optimizer]] = {
        "rmsprop": keras.optimizers.RMSprop,
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
