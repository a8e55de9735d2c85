"""Which models are found, whichever of their folders is named."""

import pytest

from pipeline.serving.model_folders import watched_models
from trainer.errors import ConfigError


@pytest.fixture
def work_dir(tmp_path):
    for model, version in (("cats", "1"), ("cats", "2"), ("dogs", "1"), ("empty", "x")):
        folder = tmp_path / "serving" / model / version
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    return tmp_path


def found(folder, **options):
    return [(model.name, model.base_path) for model in watched_models(folder, **options)]


@pytest.mark.parametrize("place", [".", "serving"])
def test_work_directory_and_its_serving_folder_hold_several_models(work_dir, place):
    serving = work_dir / "serving"
    assert found(work_dir / place) == [("cats", serving / "cats"), ("dogs", serving / "dogs")]


def test_folder_of_one_model_is_called_as_it_is_or_as_told(work_dir):
    cats = work_dir / "serving" / "cats"
    assert found(cats) == [("cats", cats)]
    assert found(cats, name="tigers") == [("tigers", cats)]


def test_relative_folder_is_made_absolute(work_dir, monkeypatch):
    monkeypatch.chdir(work_dir / "serving" / "cats")
    from pathlib import Path

    assert found(Path()) == [("cats", work_dir / "serving" / "cats")]


def test_name_chooses_one_of_several(work_dir):
    assert found(work_dir, name="dogs") == [("dogs", work_dir / "serving" / "dogs")]
    with pytest.raises(ConfigError, match=r"no such model in .*; it holds cats, dogs"):
        watched_models(work_dir, name="birds")


@pytest.mark.parametrize("name", ["a/b", "a:b", "a b", ""])
def test_name_that_no_address_can_hold_is_refused(work_dir, name):
    with pytest.raises(ConfigError, match="should hold no '/', ':' or space"):
        watched_models(work_dir, name=name)


def test_labels_need_one_model_and_keep_every_version(work_dir):
    (model,) = watched_models(work_dir, name="cats", labels={"stable": 1})
    assert model.labels == {"stable": 1}
    assert model.policy.wanted([1, 2]) == {1, 2}
    with pytest.raises(ConfigError, match=r"--label needs one model, and .* holds cats, dogs"):
        watched_models(work_dir, labels={"stable": 1})


@pytest.mark.parametrize("exists", [True, False])
def test_folder_without_a_model_says_what_would_be_one(tmp_path, exists):
    folder = tmp_path / "w"
    if exists:
        (folder / "serving" / "m" / "1").mkdir(parents=True)
    with pytest.raises(ConfigError, match="w holds no pushed model: should be a work directory"):
        watched_models(folder)
