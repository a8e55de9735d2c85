"""The judged images are told apart by what they are, and counted slice by slice."""

import pytest
import tensorflow as tf

pytestmark = pytest.mark.graph


@pytest.fixture
def write(tmp_path):
    def make(name, *rows):
        """A row: digest of the image, its class, and how bright it is."""
        path = tmp_path / name
        with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
            for digest, label, brightness in rows:
                values = {
                    "image/sha256": digest,
                    "image/class/text": label,
                    "image/brightness/bucket": brightness,
                }
                feature = {
                    key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
                    for key, value in values.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
        return str(path)

    return make


@pytest.fixture(scope="module")
def judged_data():
    from components import judged_data

    return judged_data


A, B, C = ("a", "cold", "dark"), ("b", "warm", "bright"), ("c", "warm", "dark")


def test_images_are_counted_slice_by_slice(judged_data, write):
    found = judged_data.read([write("1", A, B), write("2", C)])
    assert found.images == 3
    assert found.slices["image/class/text"] == {"cold": 1, "warm": 2}
    assert found.slices["image/brightness/bucket"] == {"dark": 2, "bright": 1}
    assert found.slices["image/format"] == {}


def test_digest_is_the_same_in_whatever_order_and_files(judged_data, write):
    one = judged_data.read([write("1", A, B, C)])
    other = judged_data.read([write("2", C), write("3", B, A)])
    assert one.digest == other.digest


@pytest.mark.parametrize("rows", [(A, B), (A, B, C, C), (A, B, ("c", "cold", "dark"))])
def test_image_or_label_that_is_another_changes_the_digest(judged_data, write, rows):
    assert (
        judged_data.read([write("1", A, B, C)]).digest
        != judged_data.read([write("2", *rows)]).digest
    )
