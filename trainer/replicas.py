"""Training on several replicas of a model at once, of one worker or of several.

Keras' own `fit` fails on a MultiWorkerMirroredStrategy (Keras 3.15: it asks TensorFlow to reduce a
whole batch), and may feed a replica nothing where a batch is small, which convolutions refuse. The
loop here is the same but for that: Keras' steps, metrics and callbacks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import dataset, multi_worker, workers
from trainer.dataset import Source
from trainer.settings import AugmentSettings, TrainSettings
from trainer.shares import Share, batch_sizes
from trainer.training_rows import TrainingRows


def are_several(trained: keras.Model) -> bool:
    """Whether a model trains on several replicas; those of a TPU are left to Keras."""
    strategy = trained.distribute_strategy
    is_tpu = isinstance(strategy, tf.distribute.TPUStrategy)
    return strategy.num_replicas_in_sync > 1 and not is_tpu


@dataclass(frozen=True)
class Material:
    """What is trained and validated on, and how."""

    found: TrainingRows
    train: TrainSettings
    augmentation: AugmentSettings
    validation: tuple[int, int | None]
    first_epoch: int


def fit(
    trained: keras.Model,
    material: Material,
    *,
    steps: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Keras' `fit`, for a model of several replicas.

    Args:
      trained: a compiled model that was built under the strategy.
      material: what to train on.
      steps: of an epoch.
      callbacks: as Keras calls them.

    Raises:
      WorkerError: another worker is gone.
    """
    train = material.train
    listeners: Any = keras.callbacks.CallbackList(
        list(callbacks), model=trained, epochs=train.epochs, steps=steps
    )
    with multi_worker.telling_who_is_gone(workers.found()):
        loop = _Loop(trained, material)
        trained.stop_training = False
        listeners.on_train_begin()
        for epoch in range(material.first_epoch, train.epochs):
            listeners.on_epoch_begin(epoch)
            logs = loop.epoch(steps, listeners)
            listeners.on_epoch_end(epoch, logs)
            if trained.stop_training:
                break
        listeners.on_train_end()


class _Loop:
    """The batches of a training, and the two functions that they are fed to."""

    def __init__(self, trained: keras.Model, material: Material) -> None:
        self.trained = trained
        strategy = trained.distribute_strategy
        rows = material.found.evaluation
        self.validation_steps = dataset.validation_count(rows, *material.validation)
        self.training = _batches(strategy, lambda share: _training(material, share))
        self.evaluation = _batches(
            strategy, lambda share: dataset.validation_batches(rows, *material.validation, share)
        )
        with strategy.scope():
            # As Keras' own loops do before their first step.
            trained._symbolic_build(data_batch=_example(rows))
        self.learn = _distributed(strategy, trained.train_step)
        self.test = _distributed(strategy, trained.test_step)

    def epoch(self, steps: int, listeners: Any) -> dict[str, float]:
        """Train for an epoch and validate; returns the metrics as Keras calls them."""
        self.trained.reset_metrics()
        for step in range(steps):
            listeners.on_train_batch_begin(step)
            self.learn(self.training)
            listeners.on_train_batch_end(step)
        logs = self._metrics()
        self.trained.reset_metrics()
        for _ in range(self.validation_steps):
            self.test(self.evaluation)
        return logs | {f"val_{name}": value for name, value in self._metrics().items()}

    def _metrics(self) -> dict[str, float]:
        # Read outside of a step, they are those of all workers.
        return {name: float(value) for name, value in self.trained.get_metrics_result().items()}


def _distributed(strategy: tf.distribute.Strategy, step: Callable[..., Any]) -> Any:
    @tf.function
    def run(batches: Any) -> None:
        strategy.run(step, args=(next(batches),))

    return run


def _batches(
    strategy: tf.distribute.Strategy, make: Callable[[Share], tf.data.Dataset]
) -> Iterator[Any]:
    """The batches of this worker's replicas, over and over."""

    def of_worker(where: tf.distribute.InputContext) -> tf.data.Dataset:
        own = where.num_replicas_in_sync // where.num_input_pipelines
        first = where.input_pipeline_id * own
        share = Share(where.num_replicas_in_sync, range(first, first + own))
        # Told that there is no end, the workers need not ask each other before every batch.
        endless = tf.data.experimental.assert_cardinality(tf.data.experimental.INFINITE_CARDINALITY)
        return make(share).repeat().apply(endless)

    return iter(strategy.distribute_datasets_from_function(of_worker))


def _training(material: Material, share: Share) -> tf.data.Dataset:
    train, found = material.train, material.found
    batches = dataset.training_batches(
        found.train,
        train=train,
        augmentation=material.augmentation,
        first_epoch=material.first_epoch,
        epoch_rows=found.epoch_rows,
        share=share,
    )
    size = dataset.epoch_size(found.train, train, found.epoch_rows)
    counted = share.weights(batch_sizes(size, train.batch_size))
    weights = tf.data.Dataset.from_tensor_slices(counted).repeat()
    return tf.data.Dataset.zip(batches, weights).map(
        lambda batch, weight: (*batch, tf.fill(tf.shape(batch[1]), weight))
    )


def _example(rows: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row, its label and its weight: what they look like."""
    return *rows.take(np.zeros(1, np.int64)), np.ones(1, np.float32)
