"""Values of parameters on their way from step to step."""

import pytest

from pipeline.cluster import execution_values as values


@pytest.mark.parametrize(
    ("written", "kind", "expected"),
    [
        (" as it is\n", "STRING", " as it is\n"),
        ("3\n", "NUMBER_INTEGER", 3),
        ("0.25", "NUMBER_DOUBLE", 0.25),
        ("True", "BOOLEAN", True),
        ("[1, 2]", "LIST", [1, 2]),
        ('{"a": null}', "STRUCT", {"a": None}),
    ],
)
def test_output_file_is_read_by_the_type_of_the_parameter(written, kind, expected):
    assert values.parsed(written, kind) == expected


@pytest.mark.parametrize(
    ("written", "kind"),
    [("many", "NUMBER_INTEGER"), ("true", "NUMBER_DOUBLE"), ("1", "BOOLEAN"), ("{}", "LIST")],
)
def test_output_of_another_type_is_refused(written, kind):
    with pytest.raises(ValueError, match=r"value|" + kind):
        values.parsed(written, kind)


def test_anything_can_be_given_to_a_string():
    assert [values.given(one, "STRING", name="x") for one in ("a", 3, 0.5, False, [1])] == [
        "a",
        "3",
        "0.5",
        "false",
        "[1]",
    ]


def test_nothing_but_itself_can_be_given_to_a_number():
    with pytest.raises(ValueError, match="'epochs': five is no NUMBER_INTEGER"):
        values.given("five", "NUMBER_INTEGER", name="epochs")
    with pytest.raises(ValueError, match="'epochs': true is no NUMBER_INTEGER"):
        values.given(True, "NUMBER_INTEGER", name="epochs")


def test_numbers_without_a_fraction_are_whole_at_any_depth():
    found = values.whole({"a": [3.0, {"b": 0.5}], "c": True})

    assert repr(found) == "{'a': [3, {'b': 0.5}], 'c': True}"
