"""The picture of a data set, from made facts: what is counted, what is odd, what stops a run."""

import json
from pathlib import PurePosixPath

import pytest

from components.image_files import ImageFile, Listing
from components.properties import ImageProperties
from components.quarantine import Rejected
from pipeline import data_report
from pipeline.config import Config
from pipeline.data_facts import ImageFacts, RefusedFile, Scan

SPLITS = {"train": "train", "validation": "eval"}


def image(name, *, bytes=1000, width=200, height=100, sha256=None, hash=None, **properties):
    folder, label, _ = PurePosixPath(name).parts
    measured = {"aspect": width / height, "brightness": 0.5, "contrast": 0.2}
    measured |= {"sharpness": 0.1, "colourfulness": 30.0} | properties
    return ImageFacts(
        file=ImageFile(f"/data/{name}", name, label, SPLITS[folder]),
        split=SPLITS[folder],
        bytes=bytes,
        format="JPEG",
        height=height,
        width=width,
        sha256=sha256 or name.encode().hex(),
        properties=ImageProperties(**measured),
        hash=hash,
    )


def images(counts):
    """As many images of each folder as asked for: `{"train/cats": 3}`."""
    return [
        image(f"{folder}/{number:03d}.jpg", hash=None)
        for folder, count in counts.items()
        for number in range(count)
    ]


BALANCED = {"train/cats": 10, "train/dogs": 10, "validation/cats": 5, "validation/dogs": 5}


def refused(name, reason="undecodable"):
    label = PurePosixPath(name).parts[1]
    split = SPLITS[PurePosixPath(name).parts[0]]
    return RefusedFile(ImageFile(f"/data/{name}", name, label, split), Rejected(reason, "broken"))


def build(found, *, set_aside=(), ignored=0, **settings):
    found = sorted(found, key=lambda each: each.name)
    files = sorted((each.file for each in (*found, *set_aside)), key=lambda file: file.name)
    names = {split: folder for folder, split in SPLITS.items()}
    scan = Scan(Listing(tuple(files), ignored, names), tuple(found), tuple(set_aside))
    return data_report.build("photos", scan, Config.model_validate(settings))


def checks(report, *, stops):
    return [problem.check for problem in report.problems if problem.stops == stops]


def test_balanced_data_have_no_problem():
    report = build(images(BALANCED))
    assert report.problems == []
    assert report.is_trainable


def test_everything_is_counted_and_read_is_accepted_plus_set_aside():
    report = build(images(BALANCED), set_aside=[refused("train/cats/x.jpg")], ignored=3)
    assert report.counts.accepted_by_split == {
        "train": {"cats": 10, "dogs": 10},
        "eval": {"cats": 5, "dogs": 5},
    }
    assert (report.counts.read, report.counts.accepted, report.counts.ignored) == (31, 30, 3)
    assert report.counts.quarantined == {"undecodable": 1}
    assert report.bytes == 30_000
    assert report.formats == {"JPEG": 30}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train/cats": 9, "validation/cats": 9}, "one class only, 'cats'"),
        ({"train/cats": 9, "train/dogs": 9}, "has no validation folder"),
        ({**BALANCED, "validation/dogs": 0}, "'dogs' has no image in 'validation'"),
        ({**BALANCED, "validation/dogs": 1}, "class 'dogs' has 1 in 'validation'"),
    ],
)
def test_data_that_ingestion_refuses_are_described_with_its_reason(counts, said):
    report = build(images(counts))
    assert not report.is_trainable
    assert checks(report, stops=True) == ["layout"]
    assert said in report.problems[0].sentence
    assert report.counts.accepted == sum(counts.values())


def test_data_without_a_readable_image_are_described():
    report = build([], set_aside=[refused("train/cats/x.jpg"), refused("validation/dogs/y.jpg")])
    assert checks(report, stops=True) == ["layout", "quarantined_share"]
    assert report.spreads == {}
    assert json.dumps(data_report.to_json(report))


def test_too_few_images_for_the_gate_stop_a_run_by_its_own_bound():
    few = images({**BALANCED, "validation/dogs": 2})
    assert checks(build(few), stops=True) == ["images_per_class"]
    assert build(few, gate={"min_images_per_class": 2}).is_trainable


def test_too_many_files_set_aside_stop_a_run_and_are_named():
    report = build(images(BALANCED), set_aside=[refused(f"train/cats/x{n}.jpg") for n in range(4)])
    assert checks(report, stops=True) == ["quarantined_share"]
    assert report.problems[0].files[0] == "train/cats/x0.jpg (undecodable: broken)"


def test_uneven_classes_are_told_before_the_gate_minds_and_once_when_it_does():
    uneven = build(images({**BALANCED, "train/cats": 60}))
    assert uneven.is_trainable
    assert checks(uneven, stops=False) == ["class_imbalance"]
    assert "'cats' has 65 images and 'dogs' has 15" in uneven.problems[0].sentence
    extreme = build(images({**BALANCED, "train/cats": 201}))
    assert checks(extreme, stops=True) == ["class_imbalance"]
    assert checks(extreme, stops=False) == []


def test_same_bytes_in_two_splits_stop_a_run():
    report = build([*images(BALANCED), *twins(sha256="5a")])
    assert checks(report, stops=True) == ["duplicates_across_splits"]
    assert report.problems[0].files == ("train/cats/twin.jpg = validation/cats/twin.jpg",)


def test_look_alikes_beyond_their_share_stop_a_run_and_are_told_once():
    report = build([*images(BALANCED), *twins(hash=0b111)])
    assert checks(report, stops=True) == ["near_duplicates_across_splits"]
    assert checks(report, stops=False) == []
    assert report.problems[0].files == ("validation/cats/twin.jpg ~ train/cats/twin.jpg",)


def test_few_look_alikes_in_two_splits_are_told_and_stop_nothing():
    report = build([*images({**BALANCED, "validation/cats": 20}), *twins(hash=0b111)])
    assert report.is_trainable
    assert checks(report, stops=False) == ["near_duplicates_across_splits"]
    assert "1 pair of look-alikes" in report.problems[0].sentence
    [pair] = report.look_alikes
    assert {pair.first.name, pair.second.name} == {
        "train/cats/twin.jpg",
        "validation/cats/twin.jpg",
    }
    assert (pair.distance, report.look_alikes_found) == (0, 1)


def test_same_bytes_are_no_look_alikes():
    report = build([*images(BALANCED), *twins(sha256="5a", hash=7)])
    assert report.look_alikes_found == 0


def test_all_look_alikes_are_counted_though_not_all_are_kept():
    copies = [image(f"validation/cats/copy{n:03d}.jpg", hash=7) for n in range(150)]
    report = build([*images(BALANCED), image("train/cats/one.jpg", hash=7), *copies])
    assert report.look_alikes_found == 150
    assert len(report.look_alikes) == data_report.MOST_PAIRS


def twins(**facts):
    return [image(f"{folder}/cats/twin.jpg", **facts) for folder in ("train", "validation")]


def test_one_picture_in_two_classes_is_told():
    torn = [image(f"train/{label}/torn.jpg", sha256="5a") for label in ("cats", "dogs")]
    report = build([*images(BALANCED), *torn])
    assert checks(report, stops=False) == ["one_image_two_classes"]
    assert report.problems[0].files == ["train/cats/torn.jpg = train/dogs/torn.jpg"]


@pytest.mark.parametrize(
    ("kind", "facts", "value"),
    [
        ("darkest", {"brightness": 0.1}, 0.1),
        ("blurriest", {"sharpness": 0.01}, 0.01),
        ("smallest", {"width": 300, "height": 20}, 20),
        ("longest", {"width": 40, "height": 400}, 10),
    ],
)
def test_the_worst_of_a_kind_comes_first(kind, facts, value):
    report = build([*images(BALANCED), image("train/dogs/zzz.jpg", **facts)])
    worst = report.worst[kind]
    assert (worst[0].image.name, worst[0].value) == ("train/dogs/zzz.jpg", value)
    assert len(worst) == data_report.WORST


def test_spread_has_ends_median_and_a_histogram_of_all_images():
    found = [image(f"train/cats/{n}.jpg", brightness=n / 10) for n in range(11)]
    spread = build(found).spreads["brightness"]
    assert (spread.least, spread.median, spread.most) == (0.0, 0.5, 1.0)
    assert sum(spread.histogram) == 11
    assert len(spread.histogram) == data_report.BINS


def test_one_outlier_does_not_squeeze_the_histogram():
    found = [image(f"train/cats/{n}.jpg", width=100 + n) for n in range(200)]
    spread = build([*found, image("train/cats/huge.jpg", width=90_000)]).spreads["width"]
    assert spread.most == 90_000
    assert max(spread.histogram) < 40


def test_json_names_every_file_that_was_set_aside():
    gone = [refused(f"train/cats/x{n}.jpg") for n in range(20)]
    told = json.loads(json.dumps(data_report.to_json(build(images(BALANCED), set_aside=gone))))
    assert told["trainable"] is False
    assert (told["read"], told["accepted"], told["quarantined"]) == (50, 30, {"undecodable": 20})
    assert [row["path"] for row in told["set_aside"]] == [each.file.name for each in gone]
    assert told["properties"]["width"] == {"min": 200, "median": 200, "max": 200}
