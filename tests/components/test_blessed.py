"""The pointer to the latest blessed model is whole or not there, here and at a URL."""

import pytest

from components import blessed
from components.blessed import Blessed

CAT = Blessed(7, "serving/m/7", "judged-1", {"": {"accuracy": 0.9}}, {"load_seconds": 1.5}, "why")


def test_pointer_comes_back_as_it_was_written(tmp_path):
    path = str(tmp_path / "blessed" / "m.json")
    blessed.write(path, CAT)
    assert blessed.read(path) == CAT


def test_before_the_first_push_there_is_none(tmp_path):
    assert blessed.read(str(tmp_path / "m.json")) is None
    assert blessed.text_of(str(tmp_path / "m.json")) == ""


def test_nothing_but_the_pointer_stays_behind(tmp_path):
    blessed.write(str(tmp_path / "m.json"), CAT)
    blessed.write(str(tmp_path / "m.json"), CAT)
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_text_changes_with_the_version(tmp_path):
    path = str(tmp_path / "m.json")
    texts = set()
    for version in (7, 8):
        blessed.write(path, Blessed(version, "m", "judged-1", {}))
        texts.add(blessed.text_of(path))
    assert len(texts) == 2


@pytest.mark.graph
def test_pointer_at_a_url_comes_back():
    path = "ram://test_blessed/m.json"
    assert blessed.read(path) is None
    blessed.write(path, CAT)
    assert blessed.read(path) == CAT
