"""A rollback serves an earlier version again, and makes it what the next model is held against."""

import pytest

from components import blessed, releases
from components.blessed import Blessed
from pipeline import rollback, workdir
from trainer.errors import ConfigError, WorkDirError


@pytest.fixture
def base(work_dir):
    return serve(work_dir, "m", [1, 2, 3])


def serve(work_dir, name, versions):
    """A model with its versions; the last one is pointed at."""
    base = work_dir.serving / name
    model = work_dir.root / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").touch()
    for version in versions:
        release = Blessed(version, str(base / str(version)), "judged-1", {})
        releases.publish(str(model), release)
        blessed.write(str(work_dir.blessed(name)), release)
    return base


def pointed_at(work_dir):
    found = blessed.read(str(work_dir.blessed("m")))
    return found and found.version


def roll_back(work_dir, *, model_name=None, to=None):
    return rollback.roll_back(work_dir.root, model_name=model_name, to=to)


def test_version_before_the_highest_is_served_again(work_dir, base):
    done = roll_back(work_dir)
    assert (done.folder, done.withdrawn) == (base / "2", [3])
    assert (releases.versions(base), releases.withdrawn(base)) == ([1, 2], [3])


def test_next_model_is_held_against_what_is_served(work_dir, base):
    roll_back(work_dir)
    assert pointed_at(work_dir) == 2


def test_all_versions_after_the_wanted_one_are_put_aside(work_dir, base):
    assert roll_back(work_dir, to=1).withdrawn == [2, 3]
    assert releases.versions(base) == [1]


def test_withdrawn_version_comes_back(work_dir, base):
    roll_back(work_dir, to=1)
    done = roll_back(work_dir, to=3)
    assert (done.folder, done.withdrawn) == (base / "3", [])
    assert (releases.versions(base), releases.withdrawn(base)) == ([1, 3], [2])
    assert pointed_at(work_dir) == 3


def test_first_version_has_none_before_it(work_dir):
    serve(work_dir, "m", [1])
    with pytest.raises(ConfigError, match=r"has no earlier version to go back to: versions: 1$"):
        roll_back(work_dir)


def test_unknown_version_is_refused_and_the_known_ones_are_named(work_dir, base):
    roll_back(work_dir)
    with pytest.raises(ConfigError, match=r"--to 9: .* versions: 1, 2; withdrawn: 3 \(--to N"):
        roll_back(work_dir, to=9)
    assert releases.versions(base) == [1, 2]


def test_of_several_models_one_must_be_named(work_dir, base):
    serve(work_dir, "other", [5, 6])
    with pytest.raises(ConfigError, match=r"--model-name is missing: .* serves m, other"):
        roll_back(work_dir)
    with pytest.raises(ConfigError, match=r"--model-name mine: .* serves m, other"):
        roll_back(work_dir, model_name="mine")
    assert roll_back(work_dir, model_name="other").withdrawn == [6]
    assert releases.versions(base) == [1, 2, 3]


def test_where_nothing_was_pushed_there_is_nothing_to_roll_back(work_dir):
    with pytest.raises(ConfigError, match="serves no model"):
        roll_back(work_dir)
    assert list(work_dir.root.iterdir()) == []


def test_rollback_waits_for_no_run(work_dir, base):
    with (
        workdir.opened(work_dir.root, free_bytes=0),
        pytest.raises(WorkDirError, match="in use by another run"),
    ):
        roll_back(work_dir)
    assert releases.versions(base) == [1, 2, 3]


def test_version_without_a_card_leaves_the_pointer_alone(work_dir, base):
    (base / "2" / releases.CARD).unlink()
    roll_back(work_dir)
    assert pointed_at(work_dir) == 3
