"""Rows to train on, taken from several segments by index."""

import numpy as np
import pytest

from trainer.feature_rows import FeatureRows, MeanRows

FIRST = np.arange(12, dtype=np.float32).reshape(3, 4)
SECOND = 100 + np.arange(8, dtype=np.float32).reshape(2, 4)


def rows(columns=()):
    return FeatureRows.of([FIRST, SECOND], [(0, 2), (1, 0), (0, 0), (1, 1)], [0, 1, 1, 0], columns)


def test_rows_come_from_their_segments_in_the_order_asked_for():
    inputs, labels = rows().take(np.array([1, 0, 3, 1]))
    assert inputs.tolist() == [each.tolist() for each in (SECOND[0], FIRST[2], *SECOND[::-1])]
    assert labels.tolist() == [1, 0, 0, 1]
    assert labels.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "expected"),
    [([slice(1, 3)], [9, 10]), ([slice(3, 4), slice(0, 2)], [11, 8, 9])],
)
def test_only_the_wanted_columns_are_taken_side_by_side(columns, expected):
    some = rows(columns)
    inputs, _ = some.take(np.array([0]))
    assert inputs.tolist() == [expected]
    assert some.shape == (len(expected),)


def test_shape_and_type_are_those_of_a_row():
    assert (len(rows()), rows().shape, rows().dtype) == (4, (4,), np.float32)


def test_mean_of_two_views_is_a_row_an_image():
    other = FeatureRows.of([FIRST], [(0, 0), (0, 1), (0, 2), (0, 0)], [0, 1, 1, 0], ())
    some = MeanRows((rows(), other))
    inputs, labels = some.take(np.array([3, 0]))
    assert inputs.tolist() == [
        ((SECOND[1] + FIRST[0]) / 2).tolist(),
        ((FIRST[2] + FIRST[0]) / 2).tolist(),
    ]
    assert labels.tolist() == [0, 0]
    assert inputs.dtype == np.float32
    assert (len(some), some.shape, some.dtype) == (4, (4,), np.float32)
