"""A version is meant by its folder or its number, wherever it is now."""

import pytest

from components import releases
from pipeline import pushed_versions
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError


def version(place, number):
    folder = place.serving / "m" / str(number)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    return folder


def test_folder_tells_work_directory_and_name(work_dir):
    found = pushed_versions.wanted(str(version(work_dir, 7)), None)
    assert (found.place, found.name, found.version) == (work_dir, "m", 7)


def test_folder_of_a_withdrawn_version_does_so_too(work_dir):
    folder = work_dir.serving / "m" / ".withdrawn" / "7"
    found = pushed_versions.wanted(str(folder), None)
    assert (found.place, found.name, found.version) == (work_dir, "m", 7)


def test_number_is_of_any_name(work_dir):
    found = pushed_versions.wanted("7", work_dir.root)
    assert (found.place, found.name, found.version) == (WorkDir(work_dir.root), None, 7)


@pytest.mark.parametrize("model", ["0", "latest", "photos/serving/m", "elsewhere/m/7", ""])
def test_anything_else_is_told_what_would_be_accepted(model):
    with pytest.raises(ConfigError, match=r"MODEL = .*: should be a folder WORK_DIR/serving/NAME"):
        pushed_versions.wanted(model, None)


def test_number_without_a_work_directory_asks_for_it():
    with pytest.raises(ConfigError, match="Add --work-dir DIR"):
        pushed_versions.wanted("7", None)


def test_state_is_what_a_server_sees(work_dir):
    for number in (6, 7, 8):
        version(work_dir, number)
    releases.withdraw(work_dir.serving / "m", 8)
    states = [pushed_versions.state(work_dir, "m", number) for number in (5, 6, 7, 8)]
    assert states == ["removed", "kept", "served", "withdrawn"]
