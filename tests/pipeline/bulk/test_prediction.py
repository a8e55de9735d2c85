"""What a worker makes of a portion."""

import csv
from typing import Any

import pytest
import tensorflow as tf

from components.image_files import ImageFile
from pipeline.bulk import prediction, work
from pipeline.models import Answer, RefusedError
from trainer import features

pytestmark = pytest.mark.graph


class Model:
    """Scores an image by its length; refuses a batch that holds `broken`, but knows `odd`."""

    def __init__(self):
        self.batches = []

    def __call__(self, images) -> Any:
        self.batches.append(list(images))
        if b"broken" in images:
            raise RefusedError("Unknown image file format.")
        return [
            "a graph says why" if image == b"odd" else Answer("long", len(image), {"long": 0.5})
            for image in images
        ]


def files(folder, contents):
    found = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.jpg"
        if content is not None:
            path.write_bytes(content)
        found.append(ImageFile(str(path), f"name{number}", "", None))
    return found


def test_batches_are_full_and_never_grow(tmp_path):
    model = Model()
    found = files(tmp_path, [b"image"] * 11)
    predictions = list(prediction.predictions(model, found, batch_size=4))
    assert [len(batch) for batch in model.batches] == [4, 4, 3]
    assert [each.path for each in predictions] == [file.name for file in found]


def test_bad_images_become_rows_that_say_why_and_stop_no_other(tmp_path):
    found = files(tmp_path, [b"ab", b"broken", None, b"odd", b"abcd"])
    predictions = list(prediction.predictions(Model(), found, batch_size=8))
    results = [each.result for each in predictions]
    assert results[0] == Answer("long", 2, {"long": 0.5})
    assert results[1] == "Unknown image file format."
    assert "No such file" in str(results[2])
    assert results[3] == "a graph says why"
    assert results[4] == Answer("long", 4, {"long": 0.5})


def test_too_large_a_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "_MAX_BYTES", 3)
    model = Model()
    found = files(tmp_path, [b"four", b"abc"])
    results = [each.result for each in prediction.predictions(model, found, batch_size=8)]
    assert results[0] == "it has more than 3 bytes"
    assert model.batches == [[b"abc"]]


def test_records_need_no_label(tmp_path):
    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    feature = {features.ENCODED: text(b"abc"), features.FILENAME: text(b"a.jpg")}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    path = tmp_path / "images.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())
    with path.open("ab") as file:
        file.write(b"rubbish")
    records = [ImageFile(str(path), str(path), "", None, kind="tfrecord")]
    good, bad = prediction.predictions(Model(), records, batch_size=4)
    assert (good.path, good.result) == ("a.jpg", Answer("long", 3, {"long": 0.5}))
    assert bad.path == f"{path}#2"
    assert "all behind it" in str(bad.result)


class Loaded:
    def __init__(self):
        self.model = Model()
        self.classes = ["long", "short"]


class Held:
    """What Beam's `Shared` is to a worker."""

    def __init__(self):
        self.loaded = Loaded()

    def acquire(self, constructor):
        return self.loaded


def test_every_shard_of_csv_has_the_model_s_columns_even_where_nothing_was_predicted(tmp_path):
    (tmp_path / "parts").mkdir()
    todo = work.write(tmp_path / "list", files(tmp_path, [b"broken"]), batch_size=4)
    task = prediction.Task("m", str(tmp_path / "list"), str(tmp_path / "parts"), "csv", 4)
    worker = prediction.Predict(task, Held())  # type: ignore[arg-type]
    worker.setup()
    worker.process(todo.portions[0])
    [shard] = (tmp_path / "parts").iterdir()
    assert shard.name == "0.1.1"
    with shard.open() as lines:
        [row] = csv.DictReader(lines)
    assert list(row) == ["path", "label", "score", "long", "short", "error"]
    assert row["error"] == "Unknown image file format."
