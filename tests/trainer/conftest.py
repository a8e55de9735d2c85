"""Fixtures for the tests of training: transformed examples, as Transform writes them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def write_examples() -> Callable[..., list[str]]:
    """Writes the images of `folder/<class>/` into gzipped TFRecords, two shards."""
    # Imported here, so that the tests that need no TensorFlow stay fast.
    import tensorflow as tf

    from trainer import features, images

    def record(path: Path, size: int) -> bytes:
        encoded = path.read_bytes()
        [pixels] = images.pixels_from_bytes(tf.constant([encoded]), size)
        values = {
            features.PIXELS: tf.io.serialize_tensor(pixels).numpy(),
            features.LABEL: path.parent.name.encode(),
            features.SHA256: hashlib.sha256(encoded).hexdigest().encode(),
        }
        feature = {
            name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            for name, value in values.items()
        }
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        return example.SerializeToString()

    def write(folder: Path, prefix: Path, *, size: int) -> list[str]:
        paths = sorted(folder.glob("*/*"))
        files = [f"{prefix}-{shard}.gz" for shard in range(2)]
        for shard, file in enumerate(files):
            with tf.io.TFRecordWriter(file, "GZIP") as writer:
                for path in paths[shard::2]:
                    writer.write(record(path, size))
        return files

    return write
