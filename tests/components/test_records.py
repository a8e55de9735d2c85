"""TFRecords: whole ones and broken ones."""

import gzip
import struct

import pytest
import tensorflow as tf

from components import contents, records
from components.image_files import ImageFile
from components.quarantine import Rejected
from trainer import features

pytestmark = pytest.mark.graph


def example(number, **changed):
    values = {
        features.ENCODED: b"image %d" % number,
        features.FILENAME: b"cats/%d.jpg" % number,
        features.LABEL: b"cats",
        **changed,
    }
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
        if value is not None
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(
        deterministic=True
    )


@pytest.fixture
def written(tmp_path):
    """Writes records and reads them back: name -> (label, split, content or reason)."""

    def read_back(*examples, change=lambda content: content, packed=False, max_bytes=1000):
        path = tmp_path / "data_tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for each in examples:
                writer.write(each)
        content = change(path.read_bytes())
        path.write_bytes(gzip.compress(content) if packed else content)
        listed = ImageFile(str(path), "Split-eval/shard", "", "eval", kind="tfrecord")
        return {
            file.name: (file.label, file.split, getattr(found, "reason", found))
            for file, found in contents.read([listed], max_bytes=max_bytes)
        }

    return read_back


@pytest.mark.parametrize("packed", [False, True])
def test_each_record_is_an_image_with_its_own_name_and_class(written, packed):
    dog = example(2, **{features.LABEL: b"dogs", features.FILENAME: "été.jpg".encode()})
    assert written(example(1), dog, packed=packed) == {
        "cats/1.jpg": ("cats", "eval", b"image 1"),
        "été.jpg": ("dogs", "eval", b"image 2"),
    }


def test_no_records_are_no_images(written):
    assert written() == {}


@pytest.mark.parametrize(
    "broken",
    [
        b"no Example",
        b"",
        example(1, **{features.LABEL: None}),
        example(1, **{features.LABEL: b""}),
        example(1, **{features.LABEL: b"\xff"}),
        example(1, **{features.ENCODED: None}),
        example(1, **{features.FILENAME: None}),
    ],
)
def test_record_of_something_else_is_set_aside_and_the_next_is_read(written, broken):
    assert written(broken, example(2)) == {
        "Split-eval/shard#1": ("", "eval", "unreadable"),
        "cats/2.jpg": ("cats", "eval", b"image 2"),
    }


def test_damaged_record_is_set_aside_and_the_next_is_read(written):
    found = written(
        example(1), example(2), change=lambda content: content.replace(b"ge 1", b"ge X")
    )
    assert [outcome for _, _, outcome in found.values()] == ["unreadable", b"image 2"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("left", [-1, -20, 30, 5])
def test_file_that_is_cut_short_gives_what_is_whole(written, packed, left):
    found = written(example(1), example(2), change=lambda content: content[:left], packed=packed)
    assert list(found)[-1].startswith("Split-eval/shard#")
    assert list(found.values())[-1][2] == "unreadable"
    assert len(found) == (2 if left < 0 else 1)


def test_packed_file_that_is_cut_short_is_told(written, tmp_path):
    written(example(1), packed=True)
    path = tmp_path / "data_tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-12])
    listed = ImageFile(str(path), "shard", "", None, kind="tfrecord")
    assert "unreadable" in [
        getattr(found, "reason", "") for _, found in records.read(listed, max_bytes=99)
    ]


def test_file_that_holds_no_records_is_one_file_set_aside(written):
    found = written(change=lambda _: b"just some text, no records at all")
    assert found == {"Split-eval/shard#1": ("", "eval", "unreadable")}


def test_damaged_length_ends_the_reading_there(written):
    found = written(
        example(1), example(2), change=lambda content: bytes([content[0] - 8]) + content[1:]
    )
    assert found == {"Split-eval/shard#1": ("", "eval", "unreadable")}


def test_length_that_is_a_lie_is_not_believed(written):
    lie = struct.pack("<QI", 1 << 60, 0)
    found = written(example(1), change=lambda content: content + lie)
    assert found["Split-eval/shard#2"][2] == "unreadable"


def test_image_beyond_the_limit_is_set_aside(written):
    large = example(1, **{features.ENCODED: bytes(2000)})
    larger = example(2, **{features.ENCODED: bytes(2_000_000)})
    assert written(large, larger, example(3)) == {
        "cats/1.jpg": ("cats", "eval", "too_many_bytes"),
        "Split-eval/shard#2": ("", "eval", "too_many_bytes"),
        "cats/3.jpg": ("cats", "eval", b"image 3"),
    }


def test_file_that_is_gone_is_set_aside(tmp_path):
    gone = ImageFile(str(tmp_path / "gone"), "shard", "", None, kind="tfrecord")
    [(file, outcome)] = records.read(gone, max_bytes=9)
    assert file.name == "shard#1"
    assert isinstance(outcome, Rejected)
