"""A run's features in a folder of their own: read back, checked, and found to be touched."""

import os

import numpy as np
import pytest

from trainer import feature_set, feature_store
from trainer.blocks import Block
from trainer.errors import WorkDirError

pytestmark = pytest.mark.graph

BASE = feature_set.Base("mixed0", "float32", (Block("mixed0", 2),))
ROWS = np.array([[0, 1], [10, 11], [20, 21]], np.float32)


@pytest.fixture
def made(tmp_path):
    """A set of two of the three rows of a store."""
    feature_store.write(tmp_path / "store", ["a", "b", "c"], {"pooled": ROWS})
    places = feature_store.find(tmp_path / "store", {"a", "c"}, ["pooled"])
    return feature_set.write(
        tmp_path / "set", BASE, places, computed=1, statistics=None, pictures=[b"one", b"two"]
    )


def damage(path, *, is_noticed):
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(bytes(content))
    if not is_noticed:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def pooled(folder):
    [path] = folder.glob("segments/*/pooled.bin")
    return path


def test_set_is_read_back_as_it_was_written(made):
    again = feature_set.read(made.folder)
    assert (again.base, again.places, again.pictures()) == (BASE, made.places, [b"one", b"two"])
    assert (again.account.rows, again.account.computed, again.account.bytes) == (2, 1, 16)
    assert again.statistics is None


def test_views_of_each_image_are_counted(tmp_path):
    keys = ["a/plain", "a/mirror", "b/plain"]
    feature_store.write(tmp_path / "store", keys, {"pooled": ROWS})
    places = feature_store.find(tmp_path / "store", keys, ["pooled"])
    found = feature_set.write(
        tmp_path / "set", BASE, places, computed=3, statistics=None, pictures=[]
    )
    assert found.views_of_images == {"a": 2, "b": 1}


def test_rows_come_in_the_order_of_their_keys_with_their_labels(made):
    rows = made.rows(["c", "a", "c"], [1, 0, 0], array="pooled", columns=())
    inputs, labels = rows.take(np.arange(3))
    assert inputs.tolist() == [[0, 1], [20, 21], [20, 21]]
    assert labels.tolist() == [0, 0, 1]


def test_files_are_links_and_take_no_room_of_their_own(made):
    assert pooled(made.folder).stat().st_nlink == 2


def test_set_is_copied_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    feature_store.write(tmp_path / "store", ["a"], {"pooled": ROWS[:1]})
    places = feature_store.find(tmp_path / "store", {"a"}, ["pooled"])
    made = feature_set.write(
        tmp_path / "set", BASE, places, computed=1, statistics=None, pictures=[]
    )
    assert feature_set.is_intact(made.folder)
    assert pooled(made.folder).stat().st_nlink == 1


def test_untouched_set_is_intact(made):
    assert feature_set.is_intact(made.folder)


@pytest.mark.parametrize("name", ["pooled.bin", "index.json"])
def test_touched_or_vanished_file_is_noticed(made, name):
    [path] = made.folder.glob(f"segments/*/{name}")
    damage(path, is_noticed=True)
    assert not feature_set.is_intact(made.folder)
    path.unlink()
    assert not feature_set.is_intact(made.folder)


def test_set_without_its_index_is_not_intact(made):
    (made.folder / "index.json").unlink()
    assert not feature_set.is_intact(made.folder)
    with pytest.raises(WorkDirError, match="run the same command again"):
        feature_set.read(made.folder)


def test_damage_that_left_no_trace_stops_the_reader_and_is_noticed_from_then_on(made):
    damage(pooled(made.folder), is_noticed=False)
    assert feature_set.is_intact(made.folder)
    with pytest.raises(WorkDirError, match=r"1 rows of features .* run the same command again"):
        made.rows(["a", "c"], [0, 1], array="pooled", columns=())
    assert not feature_set.is_intact(made.folder)


def test_damage_to_rows_that_are_not_read_stops_nobody(made):
    damage(pooled(made.folder), is_noticed=False)
    assert len(made.rows(["c"], [0], array="pooled", columns=())) == 1
