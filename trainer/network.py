"""The network of one training: all of it, the part that is trained, and what that part is fed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone as backbones
from trainer import calibration, frozen_base, logits, model
from trainer.blocks import CHANNELS, Block
from trainer.calibration import Calibration
from trainer.dataset import READ_BATCH, Source
from trainer.errors import ConfigError
from trainer.feature_set import FeatureSet
from trainer.model import Classifier
from trainer.settings import ModelSettings, TrainerSettings

ADAPT_ROWS = 4096
"""A head measures its features on so many rows at most: more would not change them."""


@dataclass(frozen=True)
class Feed:
    """What the trained part is fed.

    array: `pixels`, or an array of frozen features
    columns: the parts of a row of `pooled` that are wanted
    """

    array: Literal["pixels", "pooled", "map"]
    columns: tuple[slice, ...] = ()


@dataclass(frozen=True)
class Network:
    """A classifier and how it is trained.

    trained: what is fitted; it shares its layers with the classifier
    front: the part of it below the head; None where it is the head
    thawed: the variables of the base that learn, too
    """

    classifier: Classifier
    trained: keras.Model
    front: keras.Model | None
    thawed: list[keras.Variable]
    feed: Feed

    def adapt(self, rows: Source) -> None:
        """Let the head measure its features, on some thousand rows from all over."""
        fed, front = spread(rows), self.front
        if front is not None:
            # Not Keras' `predict`: on several devices it has each compute the whole batch.
            reduced = tf.function(lambda inputs: front(inputs, training=False))
            fed = (reduced(inputs).numpy() for inputs in fed)
        model.adapt(self.classifier.head, fed)

    def calibrate(self, rows: Source) -> Calibration:
        """Find temperature and threshold on some rows; the scores have the temperature then."""
        found = calibration.fit(*logits.read(self.trained, batches(rows)))
        logits.divide(self.trained, found.temperature)
        return found


def build(
    settings: TrainerSettings,
    *,
    weights: Path | None,
    class_count: int,
    features: FeatureSet | None,
    calibration_pixels: Callable[[], np.ndarray],
) -> Network:
    """Build the network that the settings ask for.

    Args:
        settings: image, model and train.
        weights: the pretrained weights; None is a random base.
        class_count: 2 or more.
        features: what the frozen base has made of the images; None runs the base at every step.
        calibration_pixels: uint8 [N, size, size, 3], for a random base that runs at every step.
    """
    stored = features.statistics if features else None
    base = frozen_base.build(settings, weights, stored and frozen_base.Statistics.load(stored))
    if weights is None and features is None:
        frozen_base.calibrate(base, settings, calibration_pixels())
    thawed = backbones.thaw(base, settings.model.thaw_from)
    classifier = model.build(
        base, image=settings.image, model=settings.model, class_count=class_count
    )
    feed = feed_of(settings, features)
    trained, front = _trained(classifier, settings, feed, features)
    return Network(
        classifier=classifier,
        trained=trained,
        front=front,
        thawed=[variable for layer in thawed for variable in layer.trainable_variables],
        feed=feed,
    )


def base_of(classifier: Classifier) -> keras.Model:
    """The base inside a classifier."""
    return classifier.encoder.get_layer(backbones.NAME)


def feed_of(settings: TrainerSettings, features: FeatureSet | None) -> Feed:
    """What is fed to the trained part of a network with these settings."""
    if features is None:
        return Feed("pixels")
    below = blocks_up_to(settings.model.cut, features)
    if settings.model.head == "flatten" or not below:
        return Feed("map")
    return Feed("pooled", (model.columns(settings.model, below),))


def blocks_up_to(cut: str, features: FeatureSet) -> tuple[Block, ...]:
    """The blocks of some features up to a cut, which may be below theirs; none if it is above."""
    found = features.base.blocks
    names = [block.name for block in found]
    return found[: names.index(cut) + 1] if cut in names else ()


def spread(rows: Source) -> Iterator[np.ndarray]:
    """What a head is to measure its features on: some thousand rows from all over, in batches."""
    places = np.unique(np.linspace(0, len(rows) - 1, ADAPT_ROWS).astype(np.int64))
    return (inputs for inputs, _ in _batches(rows, places))


def batches(rows: Source) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All rows in their order, in batches of inputs and labels."""
    return _batches(rows, np.arange(len(rows), dtype=np.int64))


def arrays_read(settings: TrainerSettings) -> tuple[str, ...]:
    """The arrays of frozen features that a training with these settings reads."""
    is_map = settings.model.head == "flatten" or settings.model.thaw_from is not None
    return ("map",) if is_map else ("pooled",)


def _trained(
    classifier: Classifier, settings: TrainerSettings, feed: Feed, features: FeatureSet | None
) -> tuple[keras.Model, keras.Model | None]:
    """What is fitted, and the part of it below the head."""
    if features is None:
        return classifier.whole, classifier.encoder
    if feed.array == "pooled":
        return classifier.head, None
    return _above(classifier, features.base.line, settings.model)


def _above(
    classifier: Classifier, line: str, settings: ModelSettings
) -> tuple[keras.Model, keras.Model]:
    """From the output of the layer `line` of the base to the scores, and to the head only."""
    base = base_of(classifier)
    _refuse_blocks_below(base, line, settings)
    output = base.get_layer(line).output
    inputs = keras.Input(output.shape[1:], name="features")
    above = [one for one in base.outputs if one is not output]
    # The line can be one of the blocks that the head is fed.
    maps = [inputs] if len(above) < len(base.outputs) else []
    if above:
        maps += keras.Model(output, above, name="thawed")(inputs)
    features = x = model.reduced(maps, settings)
    for layer in classifier.head.layers:
        x = layer(x)
    return keras.Model(inputs, x, name="above_frost_line"), keras.Model(inputs, features)


def _refuse_blocks_below(base: keras.Model, line: str, settings: ModelSettings) -> None:
    names = [layer.name for layer in base.layers]
    kept = [name for name in names[names.index(line) : -1] if name in CHANNELS]
    if settings.head == "pooled" and len(base.outputs) > len(kept) + 1:
        raise ConfigError(
            f"model.pooled_blocks = {settings.pooled_blocks} needs blocks below {line}, where "
            f'model.thaw_from = "{settings.thaw_from}" draws the frost line. Accepted: up to '
            f"{len(kept) + 1}, or more with train.base=live: --set model.pooled_blocks=2"
        )


def _batches(rows: Source, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(places), READ_BATCH):
        yield rows.take(places[start : start + READ_BATCH])
