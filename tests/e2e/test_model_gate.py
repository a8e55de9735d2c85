"""Whole runs whose model is held against the one that was pushed before it."""

import pytest

pytestmark = pytest.mark.e2e

# Any model passes the threshold. One whose head has learned nothing may tell two levels of noise
# apart by luck, but is never sure of it.
BOUNDS = {"evaluate.thresholds.accuracy.min": 0.01, "evaluate.max_worsening.log_loss": 0.05}
UNTRAINED_HEAD = {
    **BOUNDS,
    "train.epochs": 1,
    "train.learning_rate": 1e-9,
    "model.calibrate": "false",
}
REASON = "needed for the demo"


@pytest.fixture(scope="module")
def run(frostline, split_images, made_weights, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("gated") / "w"

    def ended(settings, *arguments):
        return frostline.run(
            data=split_images,
            work_dir=work_dir,
            weights=made_weights,
            settings=settings,
            arguments=arguments,
        )

    return ended


@pytest.fixture(scope="module")
def first(run):
    return run(BOUNDS)


@pytest.fixture(scope="module")
def worse(first, run):
    return run(UNTRAINED_HEAD)


@pytest.fixture(scope="module")
def forced(worse, run):
    return run(UNTRAINED_HEAD, "--force-bless", REASON)


@pytest.fixture(scope="module")
def forced_again(forced, run):
    return run(UNTRAINED_HEAD)


def check(ended, name):
    [found] = [gate for gate in ended.summary["gates"] if gate["check"] == name]
    return found


def test_first_model_is_pushed_and_told_to_have_no_baseline(first):
    assert first.exit_code == 0, first.stdout + first.stderr
    gate = check(first, "against_baseline")
    assert gate["passed"]
    assert "There is no blessed model yet." in gate["sentence"]
    assert gate["sentence"] in first.stdout
    assert first.summary["baseline"] is None
    assert first.summary["force_bless"] is None


def test_model_worse_than_the_blessed_one_is_not_pushed_and_told_why(first, worse):
    [version] = first.versions
    before, now = first.summary["evaluation"], worse.summary["evaluation"]
    assert worse.exit_code == 3
    assert worse.summary["status"] == "not_blessed"
    assert worse.versions == [version]
    gate = check(worse, "log_loss_against_baseline")
    assert not gate["passed"]
    assert gate["value"] == pytest.approx(now["log_loss"] - before["log_loss"])
    assert f"above version {version}'s {before['log_loss']:.4f}" in gate["sentence"]
    assert gate["sentence"] in worse.stdout
    assert '--force-bless "why it is fine"' in worse.stdout
    assert worse.summary["baseline"]["version"] == int(version)
    assert worse.summary["baseline"]["metrics"] == before


def test_person_forces_the_model_through_and_the_reason_is_kept(worse, forced):
    assert forced.exit_code == 0, forced.stdout + forced.stderr
    assert forced.states["Trainer"] == "cached"
    assert forced.states["Evaluator"] == "ran"
    assert forced.summary["force_bless"] == REASON
    assert f"forced   {REASON}" in forced.stdout
    assert not check(forced, "log_loss_against_baseline")["passed"]
    assert len(forced.versions) == len(worse.versions) + 1


def test_forced_model_needs_no_reason_again_and_stays_cached(forced, forced_again):
    assert forced_again.exit_code == 0, forced_again.stdout
    assert set(forced_again.states.values()) == {"cached"}
    assert forced_again.summary["force_bless"] == REASON
    assert forced_again.versions == forced.versions


def test_confusion_matrix_is_a_table_of_all_judged_images(first):
    table, by_class = first.summary["confusion"], first.summary["evaluation_by_class"]
    assert {name: sum(row.values()) for name, row in table.items()} == {"cold": 8, "warm": 8}
    for name, row in table.items():
        assert set(row) == {"cold", "warm"}
        assert row[name] / 8 == by_class[name]["recall"] == by_class[name]["accuracy"]


def test_empty_reason_is_a_usage_error(frostline, split_images, tmp_path):
    words = ("run", "--data", split_images, "--work-dir", tmp_path / "w", "--force-bless", " ")
    ended = frostline(*words)
    assert ended.exit_code == 2
    assert "--force-bless" in ended.stderr
    assert not (tmp_path / "w").exists()
