"""The images of ingested Examples: which there are, and some of them by their place."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from trainer import features, images

_BATCH = 256


def digests(files: Sequence[str]) -> list[str]:
    """The digest of each image, in the order of the files and of their records."""
    spec = {features.SHA256: tf.io.FixedLenFeature([], tf.string)}
    parsed = _records(files).batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, spec))
    return [
        digest.decode()
        for batch in parsed.prefetch(tf.data.AUTOTUNE)
        for digest in batch[features.SHA256].numpy()
    ]


def encoded(files: Sequence[str], places: Sequence[int]) -> tf.data.Dataset:
    """Some images as they were found.

    Args:
      files: gzipped TFRecords of raw Examples.
      places: of the wanted images, counted through all files in order; each once.

    Returns:
      (int64 number, string bytes), one by one in the order of the files; `number` counts
      through `places`.
    """
    spec = {features.ENCODED: tf.io.FixedLenFeature([], tf.string)}
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(places, tf.int64), tf.range(len(places), dtype=tf.int64)
        ),
        default_value=-1,
    )

    def is_wanted(number: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return tf.greater_equal(number, 0)

    def parse(number: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return number, tf.io.parse_single_example(serialized, spec)[features.ENCODED]

    numbered = _records(files).enumerate().map(lambda place, one: (table.lookup(place), one))
    wanted: Any = numbered.filter(is_wanted)  # pyright: ignore[reportArgumentType]  as unpacked
    return wanted.map(parse)


def decoded(files: Sequence[str], places: Sequence[int], *, size: int) -> tf.data.Dataset:
    """The same as the network sees them: (int64 number, uint8 [size, size, 3])."""

    def pixels(number: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return number, images.resize(images.decode(image), size)

    return encoded(files, places).map(pixels, num_parallel_calls=tf.data.AUTOTUNE)


def _records(files: Sequence[str]) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP")
