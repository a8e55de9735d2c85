import os

import pytest

from components import digests


def test_the_same_texts_have_the_same_digest():
    assert digests.of(["a", "b"]) == digests.of(iter(["a", "b"]))
    assert len(digests.of([])) == 32


@pytest.mark.parametrize("others", [["b", "a"], ["ab"], ["a", "b", ""], ["a"]])
def test_other_texts_have_another_digest(others):
    assert digests.of(others) != digests.of(["a", "b"])


def test_a_file_name_that_is_no_text_has_a_digest_of_its_own():
    assert digests.of([os.fsdecode(b"\xff")]) != digests.of([os.fsdecode(b"\xfe")])
