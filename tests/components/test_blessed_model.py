"""The latest blessed model is handed over, or it is said why there is none."""

import pytest

from components import blessed
from components.blessed import Blessed

pytestmark = pytest.mark.graph


@pytest.fixture(scope="module")
def blessed_model():
    from components import blessed_model

    return blessed_model


@pytest.fixture
def pushed(tmp_path):
    """A version that is served, and the pointer to it."""
    version = tmp_path / "serving" / "7"
    (version / "variables").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    (version / "variables" / "variables.index").write_bytes(b"weights")
    pointer = tmp_path / "pointer.json"
    latest = Blessed(7, str(version), judged="d", metrics={"": {"accuracy": 0.9}})
    blessed.write(str(pointer), latest)
    return pointer, latest


def test_model_is_handed_over_as_tfx_lays_models_out(blessed_model, pushed, tmp_path):
    pointer, latest = pushed
    blessed_model.hand_over(str(pointer), str(tmp_path / "artifact"))
    model = tmp_path / "artifact" / "Format-Serving"
    assert (model / "saved_model.pb").read_bytes() == b"graph"
    assert (model / "variables" / "variables.index").read_bytes() == b"weights"
    assert blessed_model.read(str(tmp_path / "artifact")) == (latest, "")


def test_files_are_linked_and_take_no_room(blessed_model, pushed, tmp_path):
    pointer, latest = pushed
    blessed_model.hand_over(str(pointer), str(tmp_path / "artifact"))
    handed = tmp_path / "artifact" / "Format-Serving" / "saved_model.pb"
    assert handed.samefile(f"{latest.model}/saved_model.pb")


def test_files_are_copied_where_they_cannot_be_linked(blessed_model, pushed, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr(blessed_model.os, "link", refuse)
    blessed_model.hand_over(str(pushed[0]), str(tmp_path / "artifact"))
    handed = tmp_path / "artifact" / "Format-Serving" / "variables" / "variables.index"
    assert handed.read_bytes() == b"weights"


def test_before_the_first_push_there_is_none(blessed_model, tmp_path):
    blessed_model.hand_over(str(tmp_path / "none.json"), str(tmp_path / "artifact"))
    found = blessed_model.read(str(tmp_path / "artifact"))
    assert found == (None, "There is no blessed model yet.")
    assert not (tmp_path / "artifact" / "Format-Serving").exists()


def test_version_that_a_person_deleted_is_told_to_be_gone(blessed_model, pushed, tmp_path):
    pointer, latest = pushed
    (tmp_path / "serving" / "7" / "saved_model.pb").unlink()
    blessed_model.hand_over(str(pointer), str(tmp_path / "artifact"))
    found, why = blessed_model.read(str(tmp_path / "artifact"))
    assert found is None
    assert why == f"Version 7, which was blessed last, is gone from {latest.model}."
