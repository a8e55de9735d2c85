"""What Transform computes, run as TFX runs it: by Beam, from serialized Examples."""

import io
from pickle import dumps, loads

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from PIL import Image
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from trainer import features, images
from trainer.preprocessing import preprocessing_fn

pytestmark = pytest.mark.graph

SIZE = 80
LABELS = ("warm", "cold", "warm", "mild", "warm")


def encoded(number):
    noise = np.random.default_rng(number).integers(0, 255, (50 + 20 * number, 90, 3), np.uint8)
    buffer = io.BytesIO()
    kind = ("JPEG", "PNG", "GIF", "BMP", "WEBP")[number]
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


ROWS = [
    {
        features.ENCODED: [encoded(number)],
        features.LABEL: [label.encode()],
        features.SHA256: [b"digest %d" % number],
        features.FORMAT: [b"unused"],
        features.HEIGHT: [50 + 20 * number],
    }
    for number, label in enumerate(LABELS)
]


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    """(transformed rows by their digest, the transform graph)"""
    return transform(tmp_path_factory.mktemp("transform"), size=SIZE)


def transform(folder, *, size):
    spec = {
        name: tf.io.FixedLenFeature([1], tf.int64 if name == features.HEIGHT else tf.string)
        for name in ROWS[0]
    }
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with (
        beam.Pipeline(runner="FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=str(folder / "scratch")),
    ):
        data = pipeline | beam.Create(ROWS)
        (rows, _), graph = (data, metadata) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, {"size": size})
        )
        _ = graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        kept = folder / "rows"
        _ = rows | beam.combiners.ToList() | beam.Map(lambda all: kept.write_bytes(dumps(all)))
    return {row[features.SHA256]: row for row in loads(kept.read_bytes())}, folder / "graph"


def test_pixels_are_those_of_the_one_image_function(transformed):
    rows, _ = transformed
    assert len(rows) == len(ROWS)
    for row in ROWS:
        content = tf.constant(row[features.ENCODED])
        [expected] = images.pixels_from_bytes(content, SIZE).numpy()
        stored = rows[row[features.SHA256][0]][features.PIXELS]
        assert np.array_equal(tf.io.parse_tensor(stored, tf.uint8), expected)
        assert expected.shape == (SIZE, SIZE, 3)


def test_label_and_digest_come_through_and_nothing_else(transformed):
    rows, _ = transformed
    for row in ROWS:
        digest = row[features.SHA256][0]
        assert rows[digest].keys() == {features.PIXELS, features.LABEL, features.SHA256}
        assert rows[digest][features.LABEL] == row[features.LABEL][0]


def test_no_pixels_are_made_where_nobody_needs_them(tmp_path):
    rows, graph = transform(tmp_path, size=None)
    names = {name for row in rows.values() for name in row}
    assert names == {features.LABEL, features.SHA256}
    served = tft.TFTransformOutput(str(graph)).transform_raw_features
    kinds = {name: tf.int64 if name == features.HEIGHT else tf.string for name in ROWS[0]}
    raw = {name: tf.zeros([1, 1], kind) for name, kind in kinds.items() if kind == tf.int64}
    raw |= {name: tf.constant([[b"no image"]]) for name in kinds.keys() - raw.keys()}
    assert set(served(raw)) == names


def test_every_class_is_in_the_vocabulary_once(transformed):
    _, graph = transformed
    vocabulary = tft.TFTransformOutput(str(graph)).vocabulary_by_name(features.LABEL_VOCABULARY)
    assert sorted(vocabulary) == [b"cold", b"mild", b"warm"]
