"""One trial of a search: a head fitted on frozen features, and judged on images held out."""

import math
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from trainer import calibration, checkpoints, dataset, logits, model, network, training_rows
from trainer.dataset import Source
from trainer.feature_set import FeatureSet
from trainer.holdout import Labelled
from trainer.network import Feed
from trainer.settings import AugmentSettings, TrainerSettings
from trainer.training_rows import TrainingRows


@dataclass(frozen=True)
class Material:
    """What the trials of a search share.

    train, held_out: the images to train on and those to judge on
    """

    features: FeatureSet
    train: Labelled
    held_out: Labelled
    class_count: int


@dataclass(frozen=True)
class Outcome:
    """How well the images that were held out are told apart.

    val_loss: the log loss that the model would serve with: without the penalty on weights, which
      would favour small penalties, and with a temperature where one is wanted
    val_accuracy: without a threshold of its own
    epoch: the one that a training would keep, counted from 1
    seconds: wall time
    """

    val_loss: float
    val_accuracy: float
    epoch: int
    seconds: float


def run(settings: TrainerSettings, material: Material) -> Outcome:
    """Fit a head. The same settings and images give the same outcome, but for the seconds.

    Raises:
      WorkDirError: features are damaged.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(settings.train.seed)
    tf.config.experimental.enable_op_determinism()
    feed = network.feed_of(settings, material.features)
    rows = training_rows.of_images(
        material.train, material.held_out, settings, features=material.features, feed=feed
    )
    trained = _network(settings, material, feed, rows.train)
    model.compile_for_training(trained, settings.train, class_count=material.class_count, thawed=())
    epoch = _fit(trained, settings, rows)
    found, labels = logits.read(trained, network.batches(rows.evaluation))
    quality = calibration.fit(found, labels)
    said = found.argmax(axis=1) if found.shape[1] > 1 else (found[:, 0] > 0).astype(np.int64)
    return Outcome(
        val_loss=(quality.after if settings.model.calibrate else quality.before).log_loss,
        val_accuracy=float((said == labels).mean()),
        epoch=epoch,
        seconds=round(time.monotonic() - started, 2),
    )


def _network(
    settings: TrainerSettings, material: Material, feed: Feed, rows: Source
) -> keras.Model:
    """The head alone: the base, which takes seconds to build, has done its work."""
    head = model.build_head(
        _widths(settings, material.features, feed, rows), settings.model, material.class_count
    )
    model.adapt(head, (batch.reshape(len(batch), -1) for batch in network.spread(rows)))
    if len(rows.shape) == 1:
        return head
    flat = [keras.Input(rows.shape), keras.layers.Flatten(dtype="float32")]
    return keras.Sequential([*flat, *head.layers])


def _widths(settings: TrainerSettings, features: FeatureSet, feed: Feed, rows: Source) -> list[int]:
    if feed.array == "map":
        return [math.prod(rows.shape)]
    below = network.blocks_up_to(settings.model.cut, features)
    return [block.channels for block in below[-settings.model.pooled_blocks :]]


def _fit(trained: keras.Model, settings: TrainerSettings, rows: TrainingRows) -> int:
    """Fit, and answer the epoch whose weights it has then."""
    train = settings.train
    steps = dataset.batch_count(
        rows.epoch_rows, batch_size=train.batch_size, steps=train.steps_per_epoch
    )
    trained.steps_per_execution = dataset.steps_at_once(steps, most=dataset.MOST_STEPS)
    best = checkpoints.BestWeights(checkpoints.State())
    callbacks = [checkpoints.SeededDropout(train.seed), *model.learning_rates(train), best]
    if patience := train.early_stopping_patience:
        callbacks.append(keras.callbacks.EarlyStopping(checkpoints.MONITOR, patience=patience))
    trained.fit(
        dataset.training_batches(
            rows.train,
            train=train,
            augmentation=AugmentSettings(),
            first_epoch=0,
            epoch_rows=rows.epoch_rows,
        ),
        validation_data=dataset.validation_batches(
            rows.evaluation, batch_size=train.batch_size, steps=train.validation_steps
        ),
        epochs=train.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0, and guesses a str
    )
    trained.set_weights(best.weights)
    return best.state.best_epoch
