"""The split by content."""

import hashlib

import pytest

from components.splits import split_by_content

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
