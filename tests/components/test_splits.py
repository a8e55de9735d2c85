"""The split by content."""

import hashlib

import pytest

from components.splits import group_of, split_by_content, split_by_group

DIGESTS = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(10_000)]


def chosen(fraction):
    return [split_by_content(digest, eval_fraction=fraction) for digest in DIGESTS]


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
def test_share_of_eval_is_near_its_fraction(fraction):
    splits = chosen(fraction)
    assert set(splits) == {"train", "eval"}
    # Four standard deviations of a fair draw are at most 0.02.
    assert splits.count("eval") / len(splits) == pytest.approx(fraction, abs=0.02)


def test_choice_hangs_on_the_digest_alone():
    assert split_by_content("0" * 64, eval_fraction=0.01) == "eval"
    assert split_by_content("f" * 64, eval_fraction=0.99) == "train"
    # Changing this moves the images of every data set that was ever split.
    in_eval = [place for place, split in enumerate(chosen(0.2)[:16]) if split == "eval"]
    assert in_eval == [8, 9]


def test_a_larger_fraction_only_adds_to_eval():
    pairs = zip(chosen(0.2), chosen(0.3), strict=True)
    assert all(more == "eval" for fewer, more in pairs if fewer == "eval")


def test_a_test_split_takes_from_train_and_leaves_eval_as_it_was():
    with_test = [
        split_by_content(digest, eval_fraction=0.2, test_fraction=0.1) for digest in DIGESTS
    ]
    assert with_test.count("test") / len(DIGESTS) == pytest.approx(0.1, abs=0.02)
    pairs = list(zip(chosen(0.2), with_test, strict=True))
    assert set(pairs) == {("eval", "eval"), ("train", "train"), ("train", "test")}


def test_groups_are_shared_out_by_their_names():
    splits = [split_by_group(f"cat{n}", eval_fraction=0.2, test_fraction=0.2) for n in range(5000)]
    for split in ("eval", "test"):
        assert splits.count(split) / len(splits) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("name", "pattern", "group"),
    [
        ("cats/tom_1.jpg", r"^(\w+)_", "tom"),
        ("train/cats/tom_1.jpg", r"^(\w+)_", "tom"),
        ("train/cats/tom/1.jpg", r"^([^/]+)/", "tom"),
        ("cats/1.jpg", r"^(\w+)_", None),
        ("cats/1.jpg", r"^(\w+)_|1", None),
        ("elsewhere/tom_1.jpg", r"/(\w+)_", "tom"),
        ("tom_1.jpg", r"^(\w+)_", "tom"),
    ],
)
def test_group_is_searched_below_the_class_folder(name, pattern, group):
    assert group_of(name, "cats", pattern) == group
