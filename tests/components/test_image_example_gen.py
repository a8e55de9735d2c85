"""Ingestion through a real Beam pipeline: what is in the TFRecords and the quarantine."""

import hashlib
import json

import apache_beam as beam
import pytest
import tensorflow as tf
from PIL import Image

from components import image_example_gen, image_files, quarantine
from trainer import features

pytestmark = pytest.mark.graph

SETTINGS = {"max_pixels": 1_000_000, "eval_fraction": 0.3, "shards": 2}


def ingest(data, out, **settings):
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        image_example_gen.ingest(
            pipeline,
            image_files.find(data),
            examples_dir=str(out / "examples"),
            quarantine_dir=str(out / "quarantine"),
            **{**SETTINGS, **settings},
        )
    return out


def examples(out, split):
    """Feature name -> its only value, of each Example by the name of its file."""
    files = sorted(str(path) for path in (out / "examples" / f"Split-{split}").glob("*.gz"))
    parsed = {}
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        values = {
            name: (*each.bytes_list.value, *each.int64_list.value) for name, each in feature.items()
        }
        assert all(len(value) == 1 for value in values.values())
        parsed[values[features.FILENAME][0].decode()] = {
            name: value for name, (value,) in values.items()
        }
    return parsed


def quarantined(out):
    lines = (out / "quarantine" / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def data(make_images, tmp_path_factory):
    """Twelve images a class, one of each other format, and three files that are no images."""
    folder = make_images(tmp_path_factory.mktemp("data") / "data", count=12)
    for number, kind in enumerate(("JPEG", "GIF", "BMP", "WEBP")):
        image = Image.new("RGB", (50 + number, 40), (0, 50 * number, 0))
        image.save(folder / "cold" / f"été {number}.{kind.lower()}")
    (folder / "warm" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "warm" / "notes.txt").write_text("to be sorted")
    (folder / "warm" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    return folder


@pytest.fixture(scope="module")
def ingested(data, tmp_path_factory):
    return ingest(data, tmp_path_factory.mktemp("ingested"))


def test_each_split_has_its_shards(ingested):
    for split in ("train", "eval"):
        names = [path.name for path in (ingested / "examples" / f"Split-{split}").iterdir()]
        assert sorted(names) == [f"data_tfrecord-0000{n}-of-00002.gz" for n in range(2)]


def test_each_readable_image_is_in_one_split(data, ingested):
    train, evaluation = examples(ingested, "train"), examples(ingested, "eval")
    assert train
    assert evaluation
    expected = {f"{label}/{number}.png" for label in ("cold", "warm") for number in range(12)}
    expected |= {f"cold/été {n}.{kind}" for n, kind in enumerate(("jpeg", "gif", "bmp", "webp"))}
    assert sorted([*train, *evaluation]) == sorted(expected)


def test_example_holds_the_file_and_what_is_known_of_it(data, ingested):
    found = {**examples(ingested, "train"), **examples(ingested, "eval")}
    content = (data / "cold" / "été 0.jpeg").read_bytes()
    assert found["cold/été 0.jpeg"] == {
        features.ENCODED: content,
        features.FORMAT: b"JPEG",
        features.HEIGHT: 40,
        features.WIDTH: 50,
        features.FILENAME: "cold/été 0.jpeg".encode(),
        features.SHA256: hashlib.sha256(content).hexdigest().encode(),
        features.LABEL: b"cold",
    }
    assert {example[features.FORMAT] for example in found.values()} == {
        b"JPEG",
        b"PNG",
        b"GIF",
        b"BMP",
        b"WEBP",
    }
    for name, example in found.items():
        assert example[features.ENCODED] == (data / name).read_bytes()


def test_file_that_cannot_be_read_is_set_aside_with_its_reason(ingested):
    rows = {row["path"]: (row["label"], row["reason"]) for row in quarantined(ingested)}
    assert rows == {
        "warm/broken.jpg": ("warm", "undecodable"),
        "warm/gone.jpg": ("warm", "unreadable"),
        "warm/notes.txt": ("warm", "not_an_image"),
    }
    assert all(row["message"] for row in quarantined(ingested))


def test_counts_are_those_of_the_records(ingested):
    counts = quarantine.read_counts(ingested / "quarantine")
    assert (counts.read, counts.accepted) == (31, 28)
    assert counts.quarantined == {"not_an_image": 1, "undecodable": 1, "unreadable": 1}
    for split, by_label in counts.accepted_by_split.items():
        labels = [each[features.LABEL].decode() for each in examples(ingested, split).values()]
        assert by_label == {label: labels.count(label) for label in ("cold", "warm")}


def test_same_data_gives_the_same_splits_and_other_files_move_nothing(
    data, ingested, make_images, tmp_path
):
    more = make_images(tmp_path / "more", count=12)
    Image.new("RGB", (9, 9)).save(more / "warm" / "new.png")
    again = ingest(more, tmp_path / "again")
    for split in ("train", "eval"):
        old, new = examples(ingested, split), examples(again, split)
        assert {name for name in old if "été" not in name} == set(new) - {"warm/new.png"}


def test_split_folders_decide_and_every_image_goes_where_it_lies(make_images, tmp_path):
    data = tmp_path / "data"
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        make_images(data / split, count=count)
    out = ingest(data, tmp_path / "out", eval_fraction=0.99, shards=1)
    names = {split: sorted(examples(out, split)) for split in ("train", "eval", "test")}
    assert names == {
        "train": [f"train/{label}/{n}.png" for label in ("cold", "warm") for n in range(3)],
        "eval": [f"validation/{label}/{n}.png" for label in ("cold", "warm") for n in range(2)],
        "test": [f"test/{label}/0.png" for label in ("cold", "warm")],
    }


def test_nothing_readable_still_leaves_a_report(tmp_path):
    for label in ("cold", "warm"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "empty.jpg").touch()
    out = ingest(tmp_path / "data", tmp_path / "out")
    counts = quarantine.read_counts(out / "quarantine")
    assert (counts.read, counts.accepted, counts.quarantined) == (2, 0, {"empty": 2})
    assert counts.accepted_by_split["eval"] == {"cold": 0, "warm": 0}


def test_image_of_more_pixels_than_allowed_is_set_aside(tmp_path):
    for label, size in (("cold", 10), ("warm", 11)):
        (tmp_path / "data" / label).mkdir(parents=True)
        Image.new("RGB", (10, size)).save(tmp_path / "data" / label / "1.png")
    out = ingest(tmp_path / "data", tmp_path / "out", max_pixels=100)
    [row] = quarantined(out)
    assert (row["path"], row["reason"]) == ("warm/1.png", "too_many_pixels")
