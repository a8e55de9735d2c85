"""Fixtures for the tests of training: examples as Transform writes them, and frozen features."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from trainer.settings import TrainerSettings


_VIEWS = ("plain", "mirror")


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
            # Raw Examples hold this, transformed ones do not: here, one file serves as both.
            features.ENCODED: encoded,
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


@pytest.fixture(scope="session")
def freeze() -> Callable[..., Path]:
    """Freezes the features of examples into `folder`, with a store beside it; float32."""

    def make(
        folder: Path,
        settings: "TrainerSettings",
        *,
        train_files: list[str],
        eval_files: list[str],
        **changes: Any,
    ) -> Path:
        from trainer import freezing

        task = freezing.Task(
            settings=settings,
            train_files=train_files,
            eval_files=eval_files,
            weights=None,
            weights_sha256="random",
            precision="float32",
            store=folder.parent / "store",
            arrays=("pooled", "map"),
            max_gigabytes=1.0,
        )
        freezing.freeze(replace(task, **changes), folder)
        return folder

    return make


@pytest.fixture
def two_blocks(tmp_path: Path) -> Callable[..., Any]:
    """Makes what a search is fed: features of 48 images with the blocks `mixed0` and `mixed1`.

    Only what is `telling`, a block or the map, says anything of the class.
    """
    from trainer import feature_set, feature_store, holdout, views
    from trainer.blocks import Block
    from trainer.holdout import Labelled
    from trainer.trial import Material

    def make(*, telling: str, class_count: int = 2, noise: float = 0.3) -> Material:
        rng = np.random.default_rng(1)
        labels = np.arange(48) % class_count
        digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(48)]
        keys = [views.key(name, views.View(view, 0)) for name in digests for view in _VIEWS]
        parts = {
            name: rng.normal(0, 1, (len(keys), 2, 2, 4)).astype(np.float32)
            for name in ("mixed0", "mixed1", "map")
        }
        repeated = labels.repeat(len(_VIEWS))
        parts[telling] *= noise
        parts[telling][np.arange(len(keys)), ..., repeated] += 2
        means = [parts[name].mean(axis=(1, 2)) for name in ("mixed0", "mixed1")]
        arrays = {"pooled": np.concatenate(means, axis=1), "map": parts["map"]}
        place = tmp_path / f"{telling}-{class_count}-{noise}"
        feature_store.write(place / "store", keys, arrays)
        features = feature_set.write(
            place / "set",
            feature_set.Base("mixed1", "float32", (Block("mixed0", 4), Block("mixed1", 4))),
            feature_store.find(place / "store", set(keys), ["pooled", "map"]),
            computed=len(keys),
            statistics=None,
            pictures=[],
        )
        images = Labelled(digests, labels.tolist())
        train, held_out = holdout.split(images, 0.25)
        return Material(features, train, held_out, class_count)

    return make
