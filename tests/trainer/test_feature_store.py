"""Segments on disk: found by key, whole or not at all, and every damage noticed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer import feature_store

NAMES = ("pooled", "map")


def arrays(count, *, start=0):
    numbers = np.arange(start, start + count)
    pooled = np.repeat(numbers[:, None], 3, axis=1).astype(np.float32)
    return {"pooled": pooled, "map": numbers.reshape(-1, 1, 1, 1).astype(np.float16)}


@pytest.fixture
def segment(tmp_path):
    return feature_store.write(tmp_path, ["a", "b", "c"], arrays(3))


def found(store, keys="abc", names=NAMES):
    return set(feature_store.find(store, set(keys), names))


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def test_rows_are_found_by_key_and_hold_what_was_written(tmp_path, segment):
    feature_store.write(tmp_path, ["d"], arrays(1, start=3))
    places = feature_store.find(tmp_path, {"b", "d", "never"}, NAMES)
    assert set(places) == {"b", "d"}
    for key, number in (("b", 1), ("d", 3)):
        place = places[key]
        assert place.segment.mapped("pooled")[place.row].tolist() == [number] * 3
        assert place.segment.mapped("map")[place.row].tolist() == [[[number]]]


def test_rows_are_mapped_and_not_read(segment):
    assert isinstance(segment.mapped("pooled").base, np.memmap)


@pytest.mark.parametrize(("name", "size"), [("pooled.bin", 12), ("map.bin", 2)])
def test_flipped_byte_loses_its_own_row_only(tmp_path, segment, name, size):
    flip(segment.folder / name, size)  # the first byte of the second row
    assert found(tmp_path) == {"a", "c"}


def test_array_that_nobody_asks_for_may_be_damaged(tmp_path, segment):
    flip(segment.folder / "map.bin", 0)
    assert found(tmp_path, names=["pooled"]) == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["pooled.bin", "map.bin", "index.json"])
def test_shortened_file_loses_the_segment_and_no_other(tmp_path, segment, name):
    feature_store.write(tmp_path, ["d"], arrays(1))
    path = segment.folder / name
    os.truncate(path, path.stat().st_size - 1)
    assert found(tmp_path, "abcd") == {"d"}


@pytest.mark.parametrize("name", ["pooled.bin", "index.json"])
def test_vanished_file_loses_the_segment(tmp_path, segment, name):
    (segment.folder / name).unlink()
    assert found(tmp_path) == set()


def test_index_that_was_changed_is_not_believed(tmp_path, segment):
    index = segment.folder / "index.json"
    index.write_text(index.read_text().replace('"a"', '"z"'))
    assert found(tmp_path, "abcz") == set()


def test_row_that_was_computed_again_stands_in_for_the_damaged_one(tmp_path, segment):
    flip(segment.folder / "pooled.bin", 0)
    again = feature_store.write(tmp_path, ["a"], arrays(1))
    places = feature_store.find(tmp_path, {"a", "b"}, NAMES)
    assert places["a"].segment.folder == again.folder
    assert places["b"].segment.folder == segment.folder


def test_array_that_was_not_kept_is_not_found(tmp_path):
    feature_store.write(tmp_path, ["a"], {"pooled": arrays(1)["pooled"]})
    assert found(tmp_path, names=["pooled"]) == {"a"}
    assert found(tmp_path) == set()


WRITING = """
import sys
from pathlib import Path
import numpy as np
from trainer import feature_store
number = 0
while True:
    rows = np.full((200, 5000), number, np.float32)
    feature_store.write(Path(sys.argv[1]), [f"{number}-{row}" for row in range(200)], {"x": rows})
    number += 1
    print(number, flush=True)
"""


def test_killed_writer_leaves_whole_segments_and_rests_that_are_swept(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(tmp_path)],
        cwd=Path(feature_store.__file__).parents[1],
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    for _ in range(3):
        writer.stdout.readline()
    while not list(tmp_path.glob(".unfinished-*/x.bin")):
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    feature_store.sweep(tmp_path)
    whole = feature_store.segments(tmp_path)
    assert len(whole) >= 3
    assert {path.name for path in tmp_path.iterdir()} == {each.folder.name for each in whole}
    assert all(len(list(each.sound_rows(["x"], range(200)))) == 200 for each in whole)
