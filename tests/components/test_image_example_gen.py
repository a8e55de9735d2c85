"""Ingestion through a real Beam pipeline: what is in the TFRecords and the quarantine."""

import hashlib
import json
import os
import shutil

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components import (
    image_example_gen,
    inputs,
    inspection,
    pieces,
    portions,
    properties,
    quarantine,
    thumbnails,
)
from components.settings import IngestionSettings
from trainer import features

pytestmark = pytest.mark.graph

SETTINGS = {"max_pixels": 1_000_000, "eval_fraction": 0.3, "shards": 2, "min_size_pixels": 1}


def ingest(data, out, *, span=None, cache=None, code="1", **settings):
    image_example_gen.ingest(
        beam.Pipeline(runner="FnApiRunner"),
        inputs.find(str(data), span=span),
        examples_dir=str(out / "examples"),
        quarantine_dir=str(out / "quarantine"),
        cache_dir=str(cache or out / "cache"),
        settings=IngestionSettings(**{**SETTINGS, **settings}),
        code=code,
    )
    return out


def examples(out, split):
    """Feature name -> its only value, of each Example by the name of its file."""
    files = sorted(str(path) for path in (out / "examples" / f"Split-{split}").glob("*.gz"))
    parsed = {}
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        values = {
            name: (*each.bytes_list.value, *each.int64_list.value, *each.float_list.value)
            for name, each in feature.items()
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
    pixels = np.asarray(Image.open(data / "cold" / "été 0.jpeg"))
    measured = properties.measure(thumbnails.make(pixels), aspect=1.25)
    assert found["cold/été 0.jpeg"] == {
        features.ENCODED: content,
        features.FORMAT: b"JPEG",
        features.HEIGHT: 40,
        features.WIDTH: 50,
        features.FILENAME: "cold/été 0.jpeg".encode(),
        features.SHA256: hashlib.sha256(content).hexdigest().encode(),
        features.LABEL: b"cold",
        features.BYTES: len(content),
        features.ASPECT: 1.25,
        features.BRIGHTNESS: pytest.approx(measured.brightness, abs=0.01),
        features.CONTRAST: pytest.approx(measured.contrast, abs=0.01),
        features.SHARPNESS: pytest.approx(measured.sharpness, abs=0.01),
        features.COLOURFULNESS: pytest.approx(measured.colourfulness, abs=1),
        features.BRIGHTNESS_BUCKET: b"dark",
        features.SHARPNESS_BUCKET: b"blurred",
        features.SIZE_BUCKET: b"small",
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


def counts_of(out):
    return quarantine.read_counts(out / "quarantine")


def names(out):
    """Split -> names, sorted."""
    splits = [path.name.removeprefix("Split-") for path in (out / "examples").iterdir()]
    return {split: sorted(examples(out, split)) for split in splits}


def whole(out):
    """Every image by its name, whatever its split: (class, bytes)."""
    found = [examples(out, split) for split in names(out)]
    return {
        name: (example[features.LABEL], example[features.ENCODED])
        for split in found
        for name, example in split.items()
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_archive_gives_what_its_folder_gives(data, ingested, tmp_path, kind):
    (data / "warm" / "gone.jpg").unlink()
    archive = shutil.make_archive(str(tmp_path / "photos"), kind, data.parent, data.name)
    (data / "warm" / "gone.jpg").symlink_to(data / "nowhere.jpg")
    out = ingest(archive, tmp_path / "out")
    inside = {f"data/{name}": image for name, image in whole(ingested).items()}
    assert whole(out) == inside
    folder, packed = counts_of(ingested), counts_of(out)
    assert packed.accepted_by_split == folder.accepted_by_split
    assert packed.quarantined == {"not_an_image": 1, "undecodable": 1}


def test_manifest_gives_what_its_folder_gives(data, ingested, tmp_path):
    files = inputs.find(str(data)).files
    rows = [f"{file.path},{file.label}\n" for file in files]
    (tmp_path / "photos.csv").write_text("path,label\n" + "".join(rows), encoding="utf-8")
    out = ingest(tmp_path / "photos.csv", tmp_path / "out")
    assert sorted(whole(out).values()) == sorted(whole(ingested).values())
    assert counts_of(out).accepted_by_split == counts_of(ingested).accepted_by_split
    assert counts_of(out).quarantined == counts_of(ingested).quarantined


def test_records_of_an_earlier_ingestion_are_ingested_again(ingested, tmp_path):
    out = ingest(ingested / "examples", tmp_path / "out")
    assert names(out) == names(ingested)
    assert whole(out) == whole(ingested)
    assert counts_of(out).quarantined == {}


def test_records_are_checked_like_every_other_image(ingested, tmp_path):
    again = ingest(ingested / "examples", tmp_path / "out", min_size_pixels=95)
    reasons = counts_of(again).quarantined
    assert reasons["too_small"] > 0
    assert counts_of(again).read == counts_of(ingested).accepted


def test_records_without_split_folders_are_split_by_content(ingested, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate((ingested / "examples").glob("*/*")):
        shutil.copy(path, flat / f"{number}-{path.name}")
    out = ingest(flat, tmp_path / "out")
    assert names(out) == names(ingested)


def test_every_file_is_counted_once_whatever_the_limits(data, tmp_path):
    limits = {"max_file_bytes": 26_000, "min_size_pixels": 45, "max_aspect": 1.08}
    out = ingest(data, tmp_path / "out", **limits)
    counts = counts_of(out)
    assert counts.read == counts.accepted + sum(counts.quarantined.values()) == 31
    assert {"too_many_bytes", "too_small", "extreme_aspect"} <= set(counts.quarantined)
    assert len(quarantined(out)) == sum(counts.quarantined.values())


def test_ignored_files_are_counted_and_not_read(make_images, tmp_path):
    folder = make_images(tmp_path / "data", count=4)
    for name in ("cold/.hidden.png", "warm/Thumbs.db", "__MACOSX/cold/0.png", "README.md"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("x")
    counts = counts_of(ingest(folder, tmp_path / "out"))
    assert (counts.read, counts.accepted, counts.ignored) == (8, 8, 4)


def test_third_split_takes_its_share(make_images, tmp_path):
    folder = make_images(tmp_path / "data", count=40)
    two = ingest(folder, tmp_path / "two")
    three = ingest(folder, tmp_path / "three", test_fraction=0.3)
    assert set(names(three)) == {"train", "eval", "test"}
    assert names(three)["eval"] == names(two)["eval"]
    assert list(counts_of(three).accepted_by_split) == ["train", "eval", "test"]


def test_images_of_one_group_stay_together(make_images, tmp_path):
    folder = make_images(tmp_path / "data", count=40)
    for path in folder.glob("*/*.png"):
        path.rename(path.with_name(f"subject{int(path.stem) % 8}_{path.name}"))
    out = ingest(folder, tmp_path / "out", group_pattern=r"^(subject\d)_")
    by_split = {
        split: {name.split("/")[1].split("_")[0] for name in found}
        for split, found in names(out).items()
    }
    assert by_split["train"]
    assert by_split["eval"]
    assert not by_split["train"] & by_split["eval"]
    for name, example in examples(out, "eval").items():
        assert example[features.GROUP] == name.split("/")[1].split("_")[0].encode()
    # Read once more from its own TFRecords, each image is in the group and the split it was in.
    again = ingest(out / "examples", tmp_path / "again")
    assert examples(again, "eval") == examples(out, "eval")


def test_groups_and_splits_of_a_manifest_are_kept_and_a_split_wins(make_images, tmp_path):
    folder = make_images(tmp_path / "data", count=20)
    rows = [
        {
            "path": str(path.relative_to(folder)),
            "label": path.parent.name,
            "group": f"g{int(path.stem) % 10}",
            "split": "test" if path.stem == "0" else None,
        }
        for path in folder.glob("*/*.png")
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    # By the pattern, each number would be a group of its own.
    out = ingest(folder / "rows.jsonl", tmp_path / "out", group_pattern=r"(\d+)\.png")
    group_of = {row["path"]: row["group"] for row in rows}
    found = names(out)
    assert found["test"] == ["cold/0.png", "warm/0.png"]
    groups = {split: {group_of[name] for name in found[split]} for split in ("train", "eval")}
    assert groups["train"]
    assert groups["eval"]
    assert not groups["train"] & groups["eval"]
    told = {name: each[features.GROUP] for name, each in examples(out, "train").items()}
    assert told == {name: group_of[name].encode() for name in found["train"]}


def test_split_folders_keep_their_names_in_the_counts(make_images, tmp_path):
    data = tmp_path / "data"
    for folder in ("Train", "valid"):
        make_images(data / folder, count=1)
    counts = counts_of(ingest(data, tmp_path / "out"))
    assert counts.split_names == {"train": "Train", "eval": "valid"}


def test_same_bytes_in_train_and_validation_are_named(make_images, tmp_path):
    data = tmp_path / "data"
    make_images(data / "train", count=3)
    make_images(data / "val", count=5)
    (data / "val" / "cold" / "0.png").unlink()
    counts = counts_of(ingest(data, tmp_path / "out"))
    pairs = {tuple(sorted(pair)) for pair in counts.duplicates_across_splits}
    same = [f"{label}/{number}.png" for label in ("cold", "warm") for number in range(3)]
    same.remove("cold/0.png")
    assert pairs == {(f"train/{name}", f"val/{name}") for name in same}


def spans_of(make_images, folder, *numbers):
    """A span for each number, each with images of its own."""
    for number in numbers:
        make_images(folder / f"span-{number}", count=6)
        for path in (folder / f"span-{number}").glob("*/*.png"):
            with path.open("ab") as file:
                file.write(b"span %d" % number)
    return folder


def test_only_the_new_span_is_read_when_one_is_added(make_images, tmp_path, monkeypatch):
    folder = spans_of(make_images, tmp_path / "data", 9, 10)
    cache = tmp_path / "cache"
    first = ingest(folder, tmp_path / "first", span="9..10", cache=cache)
    assert (counts_of(first).read, counts_of(first).reused) == (24, 0)
    spans_of(make_images, folder, 11)
    read = []
    inspect = inspection.inspect
    monkeypatch.setattr(
        inspection, "inspect", lambda *given: read.append(given[0]) or inspect(*given)
    )
    second = ingest(folder, tmp_path / "second", span="9..11", cache=cache)
    assert (counts_of(second).read, counts_of(second).reused) == (36, 24)
    assert len(read) == 12
    assert all(content.endswith(b"span 11") for content in read)
    old, new = names(first), names(second)
    for split in ("train", "eval"):
        assert set(old[split]) < set(new[split])
        assert {name.split("/")[0] for name in new[split]} == {"span-9", "span-10", "span-11"}


def test_latest_span_alone_is_ingested_by_itself(make_images, tmp_path):
    folder = spans_of(make_images, tmp_path / "data", 9, 10)
    assert {name.split("/")[0] for name in whole(ingest(folder, tmp_path / "out"))} == {"span-10"}


def test_same_bytes_in_two_spans_and_splits_are_named(make_images, tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    make_images(data / "span-1" / "train", count=3)
    spans_of(make_images, tmp_path / "other", 1)
    shutil.copytree(tmp_path / "other" / "span-1", data / "span-1" / "val")
    ingest(data, tmp_path / "first", cache=cache)
    shutil.copytree(data / "span-1" / "train", data / "span-2" / "val")
    shutil.copytree(tmp_path / "other" / "span-1", data / "span-2" / "train")
    counts = counts_of(ingest(data, tmp_path / "second", span="1..2", cache=cache))
    assert counts.reused == 18
    assert ("span-1/train/cold/0.png", "span-2/val/cold/0.png") in counts.duplicates_across_splits
    assert len(counts.duplicates_across_splits) == 18


def test_other_code_or_limits_or_a_changed_file_read_again_and_another_bar_does_not(
    make_images, tmp_path
):
    folder, cache = make_images(tmp_path / "data", count=3), tmp_path / "cache"

    def reused(out, **options):
        return counts_of(ingest(folder, tmp_path / out, cache=cache, **options)).reused

    assert reused("1") == 0
    assert reused("2") == 6
    assert reused("3", min_images_per_class=3) == 6
    assert reused("4", max_aspect=3) == 0
    assert reused("5", code="2") == 0
    (folder / "cold" / "0.png").touch()
    assert reused("6") == 0
    assert whole(tmp_path / "6") == whole(tmp_path / "1")


def test_what_a_killed_run_has_left_is_not_used(make_images, tmp_path, monkeypatch):
    folder, cache = make_images(tmp_path / "data", count=3), tmp_path / "cache"

    def die(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pieces, "finish", die)
    with pytest.raises(KeyboardInterrupt):
        ingest(folder, tmp_path / "killed", cache=cache)
    monkeypatch.undo()
    assert [path.name.startswith(".unfinished-") for path in cache.iterdir()] == [True]
    out = ingest(folder, tmp_path / "out", cache=cache)
    assert counts_of(out).accepted == 6
    assert [path.name.startswith(".") for path in cache.iterdir()] == [False]


def test_files_that_cannot_be_linked_are_copied(make_images, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    out = ingest(make_images(tmp_path / "data", count=3), tmp_path / "out")
    assert len(whole(out)) == 6


def test_progress_is_told_now_and_then_and_at_the_end(data, tmp_path, monkeypatch, caplog):
    """Each report from a worker process costs as much as a quarter of an image."""
    monkeypatch.setattr(portions.time, "monotonic", lambda: 100.0)
    caplog.set_level("INFO", logger="frostline.progress")
    ingest(data, tmp_path)
    told = [record.progress for record in caplog.records if hasattr(record, "progress")]
    total = len(inputs.find(str(data)).files)
    assert [each.done for each in told] == [1, total]
    assert {each.total for each in told} == {total}
