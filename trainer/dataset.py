"""From transformed TFRecords to the batches of an epoch."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from trainer import augment, features
from trainer.errors import DataError
from trainer.rows import NO_IMAGE, Batch
from trainer.settings import AugmentSettings, TrainSettings
from trainer.shares import Share, batch_sizes, even_batch_sizes

READ_BATCH = 64
_SMALL_BATCH = 1024
_CHUNK_BYTES = 8_000_000
_MOST_BATCHES = 32
MOST_STEPS = 50
"""Steps of a small head between two looks at the progress."""
_LARGER_BATCH = 256


class Source(Protocol):
    """Rows to train on, by their position."""

    def __len__(self) -> int: ...

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of inputs."""
        ...

    def take(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels at some positions: int64 [B] -> ([B, *shape], float32 [B])."""
        ...


def read(files: Sequence[str], *, size: int, labels: Sequence[str]) -> tf.data.Dataset:
    """Read transformed examples.

    Args:
      files: gzipped TFRecord files.
      size: width and height of the stored pixels.
      labels: class names; a label becomes its index here, and an unknown one is an error.

    Returns:
      batches of (pixels uint8 [B, size, size, 3], label int64 [B], digest string [B]).
    """
    index_of = keras.layers.StringLookup(vocabulary=list(labels), num_oov_indices=0)
    spec = {
        name: tf.io.FixedLenFeature([], tf.string)
        for name in (features.PIXELS, features.LABEL, features.SHA256)
    }

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(serialized, spec)
        pixels = tf.io.parse_tensor(example[features.PIXELS], tf.uint8)
        pixels = tf.ensure_shape(pixels, [size, size, 3])
        return pixels, index_of(example[features.LABEL]), example[features.SHA256]

    records = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP")
    parsed = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    return parsed.batch(READ_BATCH).prefetch(tf.data.AUTOTUNE)


def read_labels(files: Sequence[str], *, labels: Sequence[str]) -> tuple[list[str], list[int]]:
    """The digest and the label of each transformed example, whatever else it holds.

    Raises:
      DataError: a label is not among `labels`, or there is no example.
    """
    spec = {
        name: tf.io.FixedLenFeature([], tf.string) for name in (features.LABEL, features.SHA256)
    }
    records = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP").batch(_SMALL_BATCH)
    digests, found = [], []
    for batch in records.map(lambda serialized: tf.io.parse_example(serialized, spec)):
        digests += [digest.decode() for digest in batch[features.SHA256].numpy()]
        found += [label.decode() for label in batch[features.LABEL].numpy()]
    if unknown := set(found) - set(labels):
        raise DataError(f"the label {min(unknown)!r} is none of {', '.join(labels)}")
    if not digests:
        raise DataError(NO_IMAGE)
    return digests, [labels.index(label) for label in found]


def pixel_batches(examples: tf.data.Dataset) -> Iterator[Batch]:
    """Rows of pixels, as they are."""
    for pixels, labels, keys in examples:
        yield Batch(pixels.numpy(), labels.numpy(), keys.numpy().astype(bytes))


def training_batches(
    rows: Source,
    *,
    train: TrainSettings,
    augmentation: AugmentSettings,
    first_epoch: int,
    epoch_rows: int | None = None,
    share: Share | None = None,
) -> tf.data.Dataset:
    """All batches from `first_epoch` (counted from 0) to the last epoch.

    Rows are shuffled anew each epoch. Everything random depends on (seed, epoch, place in the
    epoch) alone, so that training resumed at an epoch sees what it would have seen.

    Args:
      epoch_rows: how many rows an epoch draws where `train.steps_per_epoch` says nothing; None
        draws each once.
      share: the part of each batch that is wanted, in pieces; None is all of it.

    Returns:
      batches of (inputs [B, ...], label float32 [B]).
    """
    size = epoch_size(rows, train, epoch_rows)
    chunk = _rows_at_once(rows, train.batch_size)

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        places = _shuffled_places(len(rows), size=size, seed=train.seed, epoch=epoch)
        if share is not None:
            return _shared(rows, places, share.pieces(batch_sizes(size, train.batch_size)))
        chunks = tf.data.Dataset.range(math.ceil(size / chunk)).map(
            lambda number: [part[number * chunk : (number + 1) * chunk] for part in places]
        )
        taken = chunks.map(lambda positions, seeds: (*_take(rows, positions), seeds))
        return taken.rebatch(train.batch_size)

    batches = tf.data.Dataset.range(first_epoch, train.epochs).flat_map(epoch_batches)
    if augmentation.enabled:
        return _augmented(batches, augmentation).prefetch(tf.data.AUTOTUNE)
    return batches.map(lambda inputs, label, _: (inputs, label)).prefetch(tf.data.AUTOTUNE)


def epoch_size(rows: Source, train: TrainSettings, epoch_rows: int | None) -> int:
    """How many rows an epoch draws; see `training_batches`."""
    if train.steps_per_epoch is None:
        return epoch_rows or len(rows)
    return train.steps_per_epoch * train.batch_size


def validation_batches(
    rows: Source, batch_size: int, steps: int | None, share: Share | None = None
) -> tf.data.Dataset:
    """The first `steps` batches in digest order; unset, every row once. `share`: a part of each."""
    if share is not None:
        count = len(rows) if steps is None else min(len(rows), steps * batch_size)
        pieces = share.pieces(even_batch_sizes(count, batch_size))
        places = (tf.range(count, dtype=tf.int64),)
        return _shared(rows, places, pieces).prefetch(tf.data.AUTOTUNE)
    positions = tf.data.Dataset.range(len(rows)).batch(batch_size)
    chosen = positions if steps is None else positions.take(steps)
    return chosen.map(lambda batch: _take(rows, batch)).prefetch(tf.data.AUTOTUNE)


def validation_count(rows: Source, batch_size: int, steps: int | None) -> int:
    """How many batches `validation_batches` gives."""
    count = math.ceil(len(rows) / batch_size)
    return count if steps is None else min(count, steps)


def batch_count(rows: int, *, batch_size: int, steps: int | None) -> int:
    """Batches in an epoch: as many as asked for; unset, as many as hold so many rows."""
    return math.ceil(rows / batch_size) if steps is None else steps


def in_larger_batches(batch_size: int, steps: int | None) -> tuple[int, int | None]:
    """Batch size and steps that take the same rows in fewer batches, where nothing is learned."""
    if steps is None:
        return max(batch_size, _LARGER_BATCH), None
    most = max(1, _LARGER_BATCH // batch_size)
    factor = max(number for number in range(1, min(steps, most) + 1) if steps % number == 0)
    return batch_size * factor, steps // factor


def steps_at_once(steps: int, *, most: int) -> int:
    """The most steps, up to `most`, that an epoch can be cut into without a rest."""
    return max(number for number in range(1, min(steps, most) + 1) if steps % number == 0)


def _rows_at_once(rows: Source, batch_size: int) -> int:
    """Rows that are taken at once: some whole batches, since each taking has a price of its own."""
    row_bytes = math.prod(rows.shape) * rows.dtype.itemsize
    return batch_size * max(1, min(_MOST_BATCHES, _CHUNK_BYTES // (row_bytes * batch_size)))


def _shuffled_places(
    count: int, *, size: int, seed: int, epoch: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """int64 [size] of `count` positions, each pass shuffled anew, and int64 [size, 2] seeds."""
    passes = math.ceil(size / count)

    def one_pass(number: tf.Tensor) -> tf.Tensor:
        pass_seed = tf.stack([tf.constant(seed, tf.int64), epoch * passes + number])
        return tf.argsort(tf.random.stateless_uniform([count], pass_seed))

    numbers = tf.range(passes, dtype=tf.int64)
    shuffled = tf.map_fn(one_pass, numbers, fn_output_signature=tf.int32)
    places = epoch * size + tf.range(size, dtype=tf.int64)
    seeds = tf.stack([tf.fill([size], tf.constant(seed, tf.int64)), places], axis=1)
    return tf.cast(tf.reshape(shuffled, [-1])[:size], tf.int64), seeds


def _shared(rows: Source, places: Sequence[tf.Tensor], pieces: np.ndarray) -> tf.data.Dataset:
    """Inputs and labels at the first of `places`, and its other columns, piece by piece."""

    def piece(ends: tf.Tensor) -> tuple[tf.Tensor, ...]:
        positions, *others = (each[ends[0] : ends[1]] for each in places)
        return (*_take(rows, positions), *others)

    return tf.data.Dataset.from_tensor_slices(pieces).map(piece)


def _take(rows: Source, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    inputs, label = tf.numpy_function(
        rows.take, [positions], [tf.as_dtype(rows.dtype), tf.float32], stateful=False
    )
    inputs.set_shape([None, *rows.shape])
    label.set_shape([None])
    return inputs, label


def _augmented(batches: tf.data.Dataset, augmentation: AugmentSettings) -> tf.data.Dataset:
    def augment_batch(
        pixels: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        changed = tf.map_fn(
            lambda one: augment.augment(one[0], augmentation, seed=one[1]),
            (pixels, seeds),
            fn_output_signature=tf.TensorSpec(pixels.shape[1:], tf.float32),
        )
        return changed, label

    return batches.map(augment_batch, num_parallel_calls=tf.data.AUTOTUNE)
