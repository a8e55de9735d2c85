"""Rows on disk."""

import numpy as np
import pytest

from trainer import rows
from trainer.errors import DataError
from trainer.rows import Batch


def batch(keys):
    numbers = np.array([int(key) for key in keys])
    inputs = np.stack([numbers, 10 * numbers], axis=1).astype(np.float32)
    return Batch(inputs, numbers % 2, np.array([b"%d" % number for number in numbers]))


def test_rows_come_in_the_order_of_their_keys(tmp_path):
    written = rows.write(tmp_path / "rows.bin", [batch("31"), batch("2")])
    inputs, labels = written.take(np.arange(3))
    assert inputs.tolist() == [[1, 10], [2, 20], [3, 30]]
    assert labels.tolist() == [1, 0, 1]


def test_any_positions_can_be_taken_in_any_order(tmp_path):
    written = rows.write(tmp_path / "rows.bin", [batch("123")])
    inputs, _ = written.take(np.array([2, 0, 2]))
    assert inputs[:, 0].tolist() == [3, 1, 3]


def test_rows_stay_on_disk(tmp_path):
    written = rows.write(tmp_path / "rows.bin", [batch("12")])
    assert isinstance(written.inputs, np.memmap)
    assert (tmp_path / "rows.bin").stat().st_size == 2 * 2 * 4


def test_pixels_keep_their_shape_and_type(tmp_path):
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    written = rows.write(
        tmp_path / "rows.bin", [Batch(pixels, np.array([0, 1]), np.array([b"a", b"b"]))]
    )
    assert np.array_equal(written.take(np.array([0, 1]))[0], pixels)


def test_no_row_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no image was left"):
        rows.write(tmp_path / "rows.bin", [])
