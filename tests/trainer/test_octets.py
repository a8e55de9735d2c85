"""Bytes and numbers of a string, as far as it goes."""

import pytest
import tensorflow as tf

from trainer import octets

pytestmark = pytest.mark.graph

DATA = tf.constant(b"\x01\x02\x03\x04")


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 2, b"\1\2"), (3, 9, b"\4"), (4, 1, b""), (99, 1, b""), (1, -5, b"")],
)
def test_a_part_ends_where_the_data_end(start, length, expected):
    assert octets.part(DATA, start, length).numpy() == expected


def test_numbers_have_the_order_asked_for():
    little = octets.numbers(DATA, 0, 2, tf.uint16)
    big = octets.numbers(DATA, 0, 2, tf.uint16, order="big")
    assert little.numpy().tolist() == [0x0201, 0x0403]
    assert big.numpy().tolist() == [0x0102, 0x0304]


def test_zeros_follow_where_the_data_end():
    assert octets.numbers(DATA, 3, 2, tf.uint16).numpy().tolist() == [4, 0]
