"""Which spans a person means."""

import pytest

from components import spans
from trainer.errors import DataError

TEN = [f"span-{number}" for number in range(1, 11)]


def refusal(folders, wanted):
    with pytest.raises(DataError) as caught:
        spans.chosen(folders, wanted=wanted, data="photos")
    return str(caught.value)


@pytest.mark.parametrize("wanted", [None, "latest"])
def test_latest_is_the_highest_number_and_not_the_last_name(wanted):
    assert spans.chosen(TEN, wanted=wanted, data="photos") == [10]


def test_range_takes_both_ends_in_order_of_numbers():
    assert spans.chosen(TEN, wanted="8..10", data="photos") == [8, 9, 10]
    assert spans.chosen(TEN, wanted="9", data="photos") == [9]


def test_leading_zeros_do_not_matter():
    assert spans.chosen(["span-007", "Span-10"], wanted="7..010", data="photos") == [7, 10]


def test_a_range_may_have_gaps():
    assert spans.chosen(["span-1", "span-5"], wanted="1..5", data="photos") == [1, 5]


def test_folders_that_are_no_spans_stay_classes():
    folders = ["cats", "span-", "span-x", "lifespan-3"]
    assert spans.chosen(folders, wanted=None, data="photos") is None


def test_span_of_data_that_have_none_is_refused():
    assert "the data set photos has no span-<N> folder" in refusal(["cats", "dogs"], "3")


@pytest.mark.parametrize(("wanted", "missing"), [("11", 11), ("1..12", 12), ("0..3", 0)])
def test_span_that_is_not_there_is_told_with_those_that_are(wanted, missing):
    assert f"has no span {missing}; it has 1 to 10 (10 spans)" in refusal(TEN, wanted)


@pytest.mark.parametrize(
    "wanted", ["", "newest", "3..1", "1..", "..3", "1-3", "-1", "1..2..3", "²"]
)
def test_what_is_no_span_is_refused(wanted):
    assert not spans.is_valid(wanted)
    assert "should be latest, N or N..M" in refusal(TEN, wanted)


def test_two_folders_of_one_number_are_refused():
    assert "'span-007' and 'span-7' in photos are the same span" in refusal(
        ["span-7", "span-007"], None
    )


def test_other_folder_beside_spans_is_refused():
    assert "has the folder 'cats' beside its span-<N> folders" in refusal(["span-1", "cats"], None)


def test_text_of_spans_is_read_back():
    assert spans.text([3, 1, 2]) == "1..3"
    assert spans.text([7]) == "7..7"
    assert spans.text([]) == ""
    assert spans.chosen(TEN, wanted=spans.text([8, 10]), data="photos") == [8, 9, 10]
