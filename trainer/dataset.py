"""From transformed TFRecords to the batches of an epoch."""

import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from trainer import augment, features
from trainer.rows import Batch, Rows
from trainer.settings import AugmentSettings, TrainSettings

READ_BATCH = 64


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


def pixel_batches(examples: tf.data.Dataset) -> Iterator[Batch]:
    """Rows of pixels, as they are."""
    for pixels, labels, keys in examples:
        yield Batch(pixels.numpy(), labels.numpy(), keys.numpy().astype(bytes))


def feature_batches(
    examples: tf.data.Dataset, encoder: keras.Model, *, mirror: bool
) -> Iterator[Batch]:
    """Rows of frozen features: of each image and, if wanted, of its mirror image."""
    encode = tf.function(lambda pixels: encoder(pixels, training=False))
    for pixels, labels, keys in examples:
        views = (pixels, tf.image.flip_left_right(pixels)) if mirror else (pixels,)
        for number, view in enumerate(views):
            view_keys = keys.numpy().astype(bytes) + b"/%d" % number
            yield Batch(encode(view).numpy(), labels.numpy(), view_keys)


def training_batches(
    rows: Rows, *, train: TrainSettings, augmentation: AugmentSettings, first_epoch: int
) -> tf.data.Dataset:
    """All batches from `first_epoch` (counted from 0) to the last epoch.

    Rows are shuffled anew each epoch. Everything random depends on (seed, epoch, place in the
    epoch) alone, so that training resumed at an epoch sees what it would have seen.

    Returns:
      batches of (inputs [B, ...], label float32 [B]).
    """
    steps = train.steps_per_epoch
    size = len(rows) if steps is None else steps * train.batch_size

    def epoch_places(epoch: tf.Tensor) -> tf.data.Dataset:
        places = _shuffled_places(len(rows), size=size, seed=train.seed, epoch=epoch)
        return places.batch(train.batch_size)

    places = tf.data.Dataset.range(first_epoch, train.epochs).flat_map(epoch_places)
    batches = places.map(lambda positions, seeds: (*_take(rows, positions), seeds))
    if augmentation.enabled:
        return _augmented(batches, augmentation).prefetch(tf.data.AUTOTUNE)
    return batches.map(lambda inputs, label, _: (inputs, label)).prefetch(tf.data.AUTOTUNE)


def validation_batches(rows: Rows, *, batch_size: int, steps: int | None) -> tf.data.Dataset:
    """The first `steps` batches in digest order; unset, every row once."""
    positions = tf.data.Dataset.range(len(rows)).batch(batch_size)
    chosen = positions if steps is None else positions.take(steps)
    return chosen.map(lambda batch: _take(rows, batch)).prefetch(tf.data.AUTOTUNE)


def batch_count(rows: Rows, *, batch_size: int, steps: int | None) -> int:
    """Batches in an epoch: as many as asked for; unset, as many as hold each row once."""
    return math.ceil(len(rows) / batch_size) if steps is None else steps


def _shuffled_places(count: int, *, size: int, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
    """`size` of `count` positions, each pass shuffled anew, with an int64 [2] seed for each."""
    passes = math.ceil(size / count)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        pass_seed = tf.stack([tf.constant(seed, tf.int64), epoch * passes + number])
        draws = tf.random.stateless_uniform([count], pass_seed)
        return tf.data.Dataset.from_tensor_slices(tf.cast(tf.argsort(draws), tf.int64))

    positions = tf.data.Dataset.range(passes).flat_map(one_pass).take(size)
    return positions.enumerate().map(
        lambda place, position: (
            position,
            tf.stack([tf.constant(seed, tf.int64), epoch * size + place]),
        )
    )


def _take(rows: Rows, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    inputs, label = tf.numpy_function(
        rows.take, [positions], [tf.as_dtype(rows.inputs.dtype), tf.float32], stateful=False
    )
    inputs.set_shape([None, *rows.inputs.shape[1:]])
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
