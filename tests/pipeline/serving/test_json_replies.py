"""JSON replies, to the byte, as TF Serving's tests and RapidJSON have them."""

import json
import math

import numpy as np
import pytest

from pipeline.serving import json_replies
from pipeline.serving.answers import ServingError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (9_000_000.0, "9e+06"),
        (0.00003, "3e-05"),
        (1 / 3, "0.333333343"),
        (16777216.0, "16777216.0"),
        (3.4028234663852886e38, "3.40282347e+38"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_single_precision_is_written_as_short_as_six_digits_allow(value, text):
    assert json_replies.decimal(float(np.float32(value))) == text


def test_double_precision_has_seventeen_digits():
    assert json_replies.decimal(1 / 3, is_double=True) == "0.33333333333333331"
    assert json_replies.decimal(0.5, is_double=True) == "0.5"


def test_every_float_reads_back_as_itself():
    values = np.random.default_rng(0).integers(0, 1 << 32, 2000, dtype=np.uint32).view(np.float32)
    finite = values[np.isfinite(values)]
    written = [np.float32(json_replies.decimal(float(value))) for value in finite]
    assert np.array_equal(np.array(written), finite)


def test_rows_with_one_output_break_only_before_the_last_bracket():
    assert json_replies.predictions({"y": np.array([1, 2])}) == (
        b'{\n    "predictions": [1, 2\n    ]\n}'
    )


def test_no_rows_are_an_empty_list():
    empty = np.zeros((0,), np.float32)
    assert json.loads(json_replies.predictions({"y": empty})) == {"predictions": []}
    assert json.loads(json_replies.predictions({"a": empty, "b": empty})) == {"predictions": []}


def test_columns_are_written_over_many_lines():
    tensors = {"a": np.array([[1, 2]]), "b": np.array(True)}
    assert json_replies.outputs(tensors).decode() == (
        '{\n    "outputs": {\n        "a": [\n            [\n                1,\n'
        '                2\n            ]\n        ],\n        "b": true\n    }\n}'
    )


def test_text_is_escaped_and_what_is_no_utf8_goes_through():
    strings = np.array([b'"\\\n', "é".encode(), b"\xff"], dtype=object)
    assert json_replies.predictions({"y": strings}) == (
        b'{\n    "predictions": ["\\"\\\\\\n", "\xc3\xa9", "\xff"\n    ]\n}'
    )


@pytest.mark.parametrize("write", [json_replies.predictions, json_replies.outputs])
def test_nothing_cannot_be_written(write):
    with pytest.raises(ServingError, match="Cannot convert empty tensor map to JSON"):
        write({})


def test_error_is_one_member():
    assert json_replies.error('not "that"') == b'{\n    "error": "not \\"that\\""\n}'
