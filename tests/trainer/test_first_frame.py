"""GIFs are cut behind their first frame, which stays what it was."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer import first_frame, images

pytestmark = pytest.mark.graph

SCREEN = b"GIF89a" + struct.pack("<HHBBB", 4, 3, 0x80, 0, 0) + bytes(range(6))
COMMENT = b"\x21\xfe\x05hello\x02, \x00"
DATA = b"\x02\x02\x44\x01\x00"


def frame(width=4, height=3, data=DATA, colours=b""):
    flags = 0x80 if colours else 0
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, flags) + colours + data


def gif(count, size=(200, 120)):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(9)]
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:count]} if count > 1 else {}
    frames[0].save(buffer, "GIF", **more)
    return buffer.getvalue()


def only(encoded):
    return first_frame.only(tf.constant(encoded)).numpy()


@pytest.mark.parametrize("count", [2, 5])
def test_frames_behind_the_first_are_left_out_and_its_pixels_stay(count):
    animated = gif(count)
    cut = only(animated)
    assert len(cut) < 1.2 * len(gif(1))
    whole = tf.io.decode_gif(animated)
    assert whole.shape[0] == count
    assert np.array_equal(tf.io.decode_gif(cut), whole[:1])
    assert np.array_equal(images.decode(tf.constant(animated)), whole[0])


@pytest.mark.parametrize("before", [b"", COMMENT, COMMENT + b"\x21\xf9\x04\x00\x00\x00\x00\x00"])
@pytest.mark.parametrize("colours", [b"", bytes(6)])
def test_cut_is_where_the_data_of_the_first_frame_end(before, colours):
    whole = SCREEN + before + frame(colours=colours)
    assert only(whole + COMMENT + frame(60000, 60000)) == whole + b";"
    assert first_frame.size(tf.constant(whole)).numpy().tolist() == [3, 4]


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"text",
        b"GIF8",
        SCREEN,
        SCREEN + b";",
        SCREEN + COMMENT + b"?" + frame(),
        SCREEN + frame()[:-1],
        SCREEN + frame()[:9],
    ],
)
def test_what_has_no_whole_frame_is_left_as_it_is(encoded):
    assert only(encoded) == encoded


def test_data_in_pieces_of_any_length_are_followed():
    rng = np.random.default_rng(0)
    pieces = [bytes([length]) + bytes(length) for length in rng.integers(1, 256, 1000)]
    whole = SCREEN + frame(data=b"\x02" + b"".join(pieces) + b"\0")
    assert only(whole + frame()) == whole + b";"


def test_a_frame_without_an_end_within_reason_is_refused():
    pieces = b"\x01\0\x02\0\0" * 5000
    assert only(SCREEN + frame(data=b"\x02" + pieces + b"\0") + frame()) == b""
