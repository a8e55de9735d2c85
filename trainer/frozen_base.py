"""The base below the frost line: where the line is, and the base that runs once an image."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone as backbones
from trainer import folded, images
from trainer.folded import FoldedBase
from trainer.processor import Precision
from trainer.settings import TrainerSettings

CALIBRATION_IMAGES = 128
"""A random base takes its batch norms' statistics from so many training images."""
# What decides the numbers of a feature: when one of them changes, all features are others.
_DECIDING = (
    "augment",
    "backbone",
    "blocks",
    "first_frame",
    "folded",
    "folding",
    "frozen_base",
    "frozen_forward",
    "images",
    "octets",
    "orientation",
    "views",
)


@dataclass(frozen=True)
class Statistics:
    """What the batch norms of a calibrated random base have stored, in the order of its layers."""

    arrays: tuple[np.ndarray, ...]

    def save(self, path: Path) -> None:
        """Write them to a file, whole or not at all."""
        unfinished = path.with_name(f".{path.name}")
        with unfinished.open("wb") as file:
            np.savez(file, *self.arrays)
        unfinished.replace(path)

    @staticmethod
    def load(path: Path) -> "Statistics":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return Statistics(tuple(stored[name] for name in stored.files))


def build(
    settings: TrainerSettings, weights: Path | None, statistics: Statistics | None
) -> keras.Model:
    """The whole base up to `model.cut`, all frozen; see `trainer.backbone.build`.

    Args:
        settings: image, cut and seed.
        weights: the pretrained weights; None is a random base.
        statistics: of a random base that has been calibrated.
    """
    base = backbones.build(
        size=settings.image.size,
        weights=weights,
        cut=settings.model.cut,
        seed=settings.train.seed,
    )
    if statistics is not None:
        _set_statistics(base, statistics)
    return base


def calibrate(base: keras.Model, settings: TrainerSettings, pixels: np.ndarray) -> Statistics:
    """Calibrate a random base on some images, uint8 [N, size, size, 3].

    Returns:
        what makes the same base again.
    """
    factor, offset = images.scaling_constants(settings.image.scaling)
    backbones.calibrate(base, tf.constant(pixels * factor + offset, tf.float32))
    return Statistics(tuple(value for norm in _norms(base) for value in norm.get_weights()))


def frost_line(settings: TrainerSettings) -> str:
    """The layer whose output is kept: the cut, or the last whole block below what is thawed.

    Raises:
        ConfigError: no whole block lies below the layer `model.thaw_from`.
    """
    model = settings.model
    if model.thaw_from is None:
        return model.cut
    return backbones.frost_line(backbones.outline(model.cut), model.thaw_from)


def below_frost_line(base: keras.Model, thaw_from: str | None) -> keras.Model:
    """The part of the base that no training changes.

    Raises:
        ConfigError: no whole block lies below the layer `thaw_from`.
    """
    line = backbones.frost_line(base, thaw_from)
    if line == base.layers[-1].name:
        return base
    return keras.Model(base.inputs[0], base.get_layer(line).output, name=backbones.NAME)


def fold(frozen: keras.Model, settings: TrainerSettings, precision: Precision) -> FoldedBase:
    """The base as it runs, below the frost line or whole."""
    line = frost_line(settings)
    return folded.fold(
        frozen,
        image=settings.image,
        precision=precision,
        frost_line=line if settings.model.thaw_from else None,
    )


def digest(
    settings: TrainerSettings,
    *,
    line: str,
    precision: str,
    weights: str,
    calibrated_on: Sequence[str],
) -> str:
    """Digest of all that decides the features of some pixels, and what the pixels are.

    Args:
        settings: size and scaling, and the seed of a random base.
        line: the layer whose output is kept.
        precision: what is computed in.
        weights: digest of the weights.
        calibrated_on: digests of the images that a random base was calibrated on.
    """
    parts = [
        settings.image.model_dump_json(),
        line,
        precision,
        weights,
        # Only random weights hang on the seed, and only their calibration on other layers.
        *((settings.model.cut, str(settings.train.seed), *calibrated_on) if calibrated_on else ()),
        tf.__version__,
        *(Path(__file__).with_name(f"{name}.py").read_text() for name in _DECIDING),
    ]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.encode() + b"\0")
    return whole.hexdigest()[:24]


def _set_statistics(base: keras.Model, statistics: Statistics) -> None:
    values = iter(statistics.arrays)
    for norm in _norms(base):
        norm.set_weights([next(values) for _ in norm.weights])


def _norms(base: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
