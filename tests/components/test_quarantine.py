"""What was read and what was set aside."""

import hashlib
import json
from dataclasses import replace

import pytest

from components import quarantine
from components.quarantine import Accepted, IngestionCounts, SetAside
from trainer.errors import DataError

SET_ASIDE = [
    SetAside("dogs/été.jpg", "dogs", "undecodable", "Invalid JPEG data"),
    SetAside("cats/a.jpg", "cats", "empty", "the file has no bytes"),
    SetAside("cats/b.jpg", "cats", "empty", "the file has no bytes"),
]


def images(split, label, count, *, first=0):
    """Accepted images, each with bytes of its own."""
    names = [f"{split}/{label}/{first + number}" for number in range(count)]
    return [
        Accepted(name, label, split, hashlib.sha256(name.encode()).hexdigest()) for name in names
    ]


def counted(accepted, set_aside=(), splits=("train", "eval")):
    alike = quarantine.look_alikes(accepted)
    return quarantine.count(accepted, set_aside, alike=alike, splits=splits, split_names={})


def counts_of(split_names=(), **by_split):
    return IngestionCounts(
        read=100,
        accepted=100,
        accepted_by_split=by_split,
        quarantined={"empty": 2},
        split_names=dict(split_names),
    )


def test_read_is_accepted_and_quarantined():
    counts = counted(
        [*images("train", "cats", 5), *images("train", "dogs", 4), *images("eval", "cats", 1)],
        SET_ASIDE,
    )
    assert counts.accepted == 10
    assert counts.quarantined == {"empty": 2, "undecodable": 1}
    assert counts.read == counts.accepted + sum(counts.quarantined.values())


def test_a_class_that_a_split_lacks_counts_nothing():
    counts = counted(
        [*images("train", "cats", 5), *images("train", "dogs", 4), *images("eval", "cats", 1)]
    )
    assert counts.accepted_by_split == {
        "train": {"cats": 5, "dogs": 4},
        "eval": {"cats": 1, "dogs": 0},
    }


def test_what_is_written_is_read_again(tmp_path):
    counts = counted([*images("train", "cats", 5), *images("eval", "cats", 1)], SET_ASIDE)
    quarantine.write(tmp_path / "new", counts, SET_ASIDE)
    assert quarantine.read_counts(tmp_path / "new") == counts


def test_each_file_that_was_set_aside_has_a_line_sorted_by_path(tmp_path):
    quarantine.write(tmp_path, counted([], SET_ASIDE), SET_ASIDE)
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
    counts = counted([], SET_ASIDE)
    with pytest.raises(
        DataError, match=r"none of the 3 files is an image .*: 2 empty, 1 undecodable"
    ):
        quarantine.check(counts, min_images_per_class=1)


def test_too_few_images_are_refused_with_class_split_and_number():
    counts = counts_of(train={"cats": 90, "dogs": 1}, eval={"cats": 9, "dogs": 0})
    with pytest.raises(DataError) as caught:
        quarantine.check(counts, min_images_per_class=2)
    message = str(caught.value)
    assert "class 'dogs' has 1 in 'train'; class 'dogs' has 0 in 'eval'" in message
    assert "data.min_images_per_class asks for 2" in message
    assert "'cats'" not in message
    assert "--set data.eval_fraction=" in message


def test_too_few_images_in_a_split_that_the_data_name_are_told_with_that_name():
    counts = counts_of(
        {"train": "train", "eval": "Validation"}, train={"a": 9, "b": 9}, eval={"a": 9, "b": 0}
    )
    with pytest.raises(DataError) as caught:
        quarantine.check(counts, min_images_per_class=1)
    message = str(caught.value)
    assert "class 'b' has 0 in 'Validation'" in message
    assert "move some from another split" in message
    assert "eval" not in message


def test_class_known_from_its_broken_files_alone_is_counted_and_an_unknown_one_is_not():
    rows = [SetAside("a/1.jpg", "a", "empty", "no bytes"), SetAside("x#1", "", "unreadable", "cut")]
    counts = counted(images("train", "b", 2), rows)
    assert counts.accepted_by_split["train"] == {"a": 0, "b": 2}
    assert counts.read == 4


def test_ignored_and_reused_files_are_kept_apart_from_those_read():
    counts = quarantine.count(
        images("train", "b", 2),
        [],
        alike=[],
        splits=["train"],
        split_names={},
        ignored=7,
        reused=1,
    )
    assert (counts.read, counts.accepted, counts.ignored, counts.reused) == (2, 2, 7, 1)


def test_same_bytes_in_two_splits_are_named_and_in_one_split_are_not():
    [cat, dog] = images("train", "cats", 2)
    in_eval = replace(cat, name="eval/cats/copy", split="eval")
    beside = replace(dog, name="train/cats/copy")
    counts = counted([cat, dog, in_eval, beside])
    assert counts.duplicates_across_splits == (("train/cats/0", "eval/cats/copy"),)


def test_no_more_duplicates_are_named_than_can_be_read():
    originals = images("train", "cats", 150)
    copies = [replace(each, name=f"copy of {each.name}", split="eval") for each in originals]
    counts = counted([*originals, *copies])
    assert len(counts.duplicates_across_splits) == quarantine.MOST_DUPLICATES
    assert counts.accepted == 300


def test_images_of_one_class_are_refused():
    with pytest.raises(DataError, match=r"one class only, 'cats'; a classifier needs two"):
        quarantine.check(counts_of(train={"cats": 9}, eval={"cats": 9}), min_images_per_class=1)


def test_just_enough_images_pass():
    both = {"cats": 2, "dogs": 2}
    quarantine.check(counts_of(train=both, eval=both), min_images_per_class=2)


def test_look_alikes_in_two_splits_are_named_unless_their_bytes_are_the_same():
    one, other = images("train", "cats", 2)
    one = replace(one, likeness=0b1011)
    alike = replace(other, name="eval/cats/alike", split="eval", likeness=0b1010)
    copy = replace(one, name="eval/cats/copy", split="eval")
    counts = counted([one, alike, copy])
    assert counts.near_duplicates_across_splits == (("eval/cats/alike", "train/cats/0"),)
    assert counts.near_duplicates == 1
