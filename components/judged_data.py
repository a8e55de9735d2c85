"""The images that a model is judged on: what tells them apart, and how many a slice has."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from trainer import features

# Section of the settings -> the feature that it slices by.
SLICED_BY: Mapping[str, str] = {
    "by_class": features.LABEL,
    "by_format": features.FORMAT,
    "by_brightness": features.BRIGHTNESS_BUCKET,
    "by_sharpness": features.SHARPNESS_BUCKET,
    "by_size": features.SIZE_BUCKET,
    "by_group": features.GROUP,
}


@dataclass(frozen=True)
class JudgedData:
    """Some images.

    digest: the same for the same images with the same labels, in whatever order
    images: how many there are
    slices: feature -> value -> images
    """

    digest: str
    images: int
    slices: Mapping[str, Mapping[str, int]]


def read(files: Sequence[str]) -> JudgedData:
    """Look through TFRecords of ingested Examples, once and without decoding an image.

    Args:
      files: paths or URLs, packed with gzip.
    """
    rows = []
    slices: dict[str, Counter[str]] = {name: Counter() for name in SLICED_BY.values()}
    for record in tf.data.TFRecordDataset(list(files), compression_type="GZIP"):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        rows.append(f"{_text(feature, features.SHA256)} {_text(feature, features.LABEL)}")
        for name, counts in slices.items():
            if name in feature:
                counts[_text(feature, name)] += 1
    digest = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
    return JudgedData(digest, len(rows), slices)


def _text(feature: Mapping[str, tf.train.Feature], name: str) -> str:
    return feature[name].bytes_list.value[0].decode()
