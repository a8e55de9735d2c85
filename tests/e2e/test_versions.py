"""Versions come and go: what was pushed is listed, rolled back, and does not return by itself."""

import json

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("versions") / "w"


@pytest.fixture(scope="module")
def train(frostline, split_images, made_weights, work_dir):
    """Runs with a dropout of its own, which makes another model."""

    def train(dropout):
        settings = {
            "model.dropout": dropout,
            "push.keep_versions": 2,
            "evaluate.thresholds.accuracy.min": 0.01,
        }
        return frostline.run(
            data=split_images, work_dir=work_dir, weights=made_weights, settings=settings
        )

    return train


@pytest.fixture(scope="module")
def listed(frostline, work_dir):
    """What `frostline models` tells: (version, state), the latest first."""

    def listed():
        said = frostline("models", "--work-dir", work_dir, "--json")
        assert said.exit_code == 0, said.stderr
        return [(str(entry["version"]), entry["state"]) for entry in json.loads(said.stdout)]

    return listed


def test_version_is_rolled_back_and_stays_so_until_a_person_restores_it(
    frostline, train, listed, work_dir, split_images
):
    first, second = train(0.1), train(0.2)
    assert (first.exit_code, second.exit_code) == (0, 0), first.stdout + second.stdout
    older, newer = second.versions
    assert listed() == [(newer, "served"), (older, "kept")]

    rolled_back = frostline("rollback", "--work-dir", work_dir)
    assert rolled_back.stdout == (
        f"withdrawn  {newer}\nserved     {work_dir}/serving/frostline/{older}\n"
    )
    assert listed() == [(newer, "withdrawn"), (older, "served")]

    again = train(0.2)
    assert (again.exit_code, again.summary["status"]) == (3, "withdrawn")
    assert again.versions == [older]
    assert f"frostline rollback --work-dir {work_dir} --to VERSION" in again.stdout

    assert frostline("rollback", "--work-dir", work_dir, "--to", newer).exit_code == 0
    restored = train(0.2)
    assert (restored.exit_code, restored.summary["pushed"]["version"]) == (0, newer)

    image = next(iter(split_images.glob("validation/*/*.png")))
    assert frostline("predict", "--model", work_dir, image).exit_code == 0


def test_only_the_latest_versions_stay(train, listed):
    before = [version for version, _ in listed()]
    third = train(0.3)
    assert third.versions == sorted([before[0], third.summary["pushed"]["version"]])
    assert listed() == [
        (third.summary["pushed"]["version"], "served"),
        (before[0], "kept"),
        (before[1], "removed"),
    ]
