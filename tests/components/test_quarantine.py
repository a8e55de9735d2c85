"""What was read and what was set aside."""

import json

import pytest

from components import quarantine
from components.quarantine import IngestionCounts, SetAside
from trainer.errors import DataError

SET_ASIDE = [
    SetAside("dogs/été.jpg", "dogs", "undecodable", "Invalid JPEG data"),
    SetAside("cats/a.jpg", "cats", "empty", "the file has no bytes"),
    SetAside("cats/b.jpg", "cats", "empty", "the file has no bytes"),
]


def counted(accepted, set_aside=(), splits=("train", "eval"), labels=("cats", "dogs")):
    return quarantine.count(accepted, set_aside, splits=splits, labels=labels)


def counts_of(**by_split):
    return IngestionCounts(
        read=100, accepted=100, accepted_by_split=by_split, quarantined={"empty": 2}
    )


def test_read_is_accepted_and_quarantined():
    counts = counted({("train", "cats"): 5, ("train", "dogs"): 4, ("eval", "cats"): 1}, SET_ASIDE)
    assert counts.accepted == 10
    assert counts.quarantined == {"empty": 2, "undecodable": 1}
    assert counts.read == counts.accepted + sum(counts.quarantined.values())


def test_a_class_that_a_split_lacks_counts_nothing():
    counts = counted({("train", "cats"): 5, ("train", "dogs"): 4, ("eval", "cats"): 1})
    assert counts.accepted_by_split == {
        "train": {"cats": 5, "dogs": 4},
        "eval": {"cats": 1, "dogs": 0},
    }


def test_what_is_written_is_read_again(tmp_path):
    counts = counted({("train", "cats"): 5}, SET_ASIDE)
    quarantine.write(tmp_path / "new", counts, SET_ASIDE)
    assert quarantine.read_counts(tmp_path / "new") == counts


def test_each_file_that_was_set_aside_has_a_line_sorted_by_path(tmp_path):
    quarantine.write(tmp_path, counted({}, SET_ASIDE), SET_ASIDE)
    lines = (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["path"] for line in lines] == [
        "cats/a.jpg",
        "cats/b.jpg",
        "dogs/été.jpg",
    ]
    assert json.loads(lines[2]) == {
        "path": "dogs/été.jpg",
        "label": "dogs",
        "reason": "undecodable",
        "message": "Invalid JPEG data",
    }
    assert "été" in lines[2]


def test_nothing_readable_is_refused_with_the_reasons():
    counts = counted({}, SET_ASIDE)
    with pytest.raises(
        DataError, match=r"none of the 3 files is an image .*: 2 empty, 1 undecodable"
    ):
        quarantine.check(counts, min_images_per_class=1)


def test_too_few_images_are_refused_with_class_split_and_number():
    counts = counts_of(train={"cats": 90, "dogs": 1}, eval={"cats": 9, "dogs": 0})
    with pytest.raises(DataError) as caught:
        quarantine.check(counts, min_images_per_class=2)
    message = str(caught.value)
    assert "class 'dogs' has 1 in split 'train'; class 'dogs' has 0 in split 'eval'" in message
    assert "data.min_images_per_class asks for 2" in message
    assert "'cats'" not in message
    assert "--set data.eval_fraction=" in message


def test_just_enough_images_pass():
    quarantine.check(counts_of(train={"cats": 2}, eval={"cats": 2}), min_images_per_class=2)
