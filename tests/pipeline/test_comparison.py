"""Two runs held against each other: what was changed, and what came of it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import cli, comparison, comparison_text
from pipeline.changes import NOT_THERE, Change
from pipeline.comparison import Check, Difference, Timing
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError, WorkDirError


def summary(**changed):
    return {
        "status": "pushed",
        "seconds": 60.0,
        "preset": "default",
        "config": {"train": {"epochs": 20}, "evaluate": {"thresholds": {"auc": {"min": 0.8}}}},
        "data": {
            "path": "photos",
            "read": 10,
            "accepted_by_split": {"train": {"cats": 4, "dogs": 4}},
            "quarantined": {"empty": 2},
            "near_duplicates_across_splits": [["a", "b"]],
        },
        "model": {"weights_sha256": "46b8"},
        "evaluation": {"accuracy": 0.9, "log_loss": 0.25, "example_count": 8},
        "evaluation_by_class": {"cats": {"accuracy": 0.8, "log_loss": 0.3}},
        "gates": [{"check": "accuracy", "passed": True, "sentence": "Fine."}],
        "steps": [{"name": "Trainer", "state": "ran", "seconds": 50.0}],
        "versions": {"tfx": "1.21.0"},
    } | changed


def keep(work_dir, run_id, **changed):
    folder = work_dir.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary(**changed)))


@pytest.fixture
def compared(work_dir):
    """The comparison of a usual run with one in which something is changed."""

    def compare(**changed):
        keep(work_dir, "1")
        keep(work_dir, "2", **changed)
        return comparison.compare(work_dir, "1", "2")

    return compare


def told(found, width=100):
    return "\n".join(comparison_text.lines(found, width=width))


def test_equal_runs_have_no_changes(compared):
    found = compared()
    assert (found.settings, found.data, found.code) == ([], [], [])
    assert told(found).count("  the same") == 3
    assert "1 passed in both" in told(found)


def test_settings_are_told_with_the_preset(compared):
    found = compared(preset="course", config={"train": {"epochs": 100}})
    assert found.settings == [
        Change("preset", "default", "course"),
        Change("train.epochs", 20, 100),
        Change("evaluate.thresholds.auc.min", 0.8, None),
    ]
    assert "  train.epochs                 20 → 100  (+80)\n" in told(found)


def test_setting_that_one_version_lacks_is_told_apart(compared):
    usual = summary()["config"]
    found = compared(config={**usual, "tune": {"enabled": False}})
    assert found.settings == [Change("tune.enabled", NOT_THERE, False)]
    assert "  only after: tune.enabled false\n" in told(found)


def test_images_are_counted_by_split_class_and_reason(compared):
    found = compared(
        data={
            "path": "more",
            "read": 13,
            "accepted_by_split": {"train": {"cats": 4, "dogs": 5, "owls": 4}},
            "quarantined": {},
            "near_duplicates_across_splits": [],
        }
    )
    assert found.data == [
        Change("path", "photos", "more"),
        Change("read", 10, 13),
        Change("accepted_by_split.train.dogs", 4, 5),
        Change("accepted_by_split.train.owls", 0, 4),
        Change("near_duplicates_across_splits", 1, 0),
        Change("quarantined.empty", 2, 0),
    ]


def test_versions_and_weights_are_compared(compared):
    found = compared(versions={"tfx": "1.22.0"}, model={"weights_sha256": None})
    assert found.code == [Change("tfx", "1.21.0", "1.22.0"), Change("weights", "46b8", None)]


def test_metrics_are_told_with_their_difference(compared):
    found = compared(evaluation={"accuracy": 0.5, "log_loss": 0.25}, evaluation_by_class=None)
    assert found.metrics == [
        Difference("accuracy", 0.9, 0.5, -0.4),
        Difference("log_loss", 0.25, 0.25, 0.0),
        Difference("example_count", 8, None, None),
        Difference("accuracy of cats", 0.8, None, None),
    ]
    lines = [line.split() for line in told(found).splitlines()]
    assert ["accuracy", "0.9000", "→", "0.5000", "-0.4000"] in lines
    assert ["log_loss", "0.2500", "→", "0.2500", "="] in lines
    assert ["example_count", "8", "→", "-", "-"] in lines


def test_checks_that_turned_are_told_with_their_sentence(compared):
    failed = {"check": "accuracy", "passed": False, "sentence": "Not fine."}
    found = compared(status="not_blessed", gates=[failed, {"check": "new", "passed": True}])
    assert found.checks == [
        Check("accuracy", True, False, "Not fine."),
        Check("new", None, True, ""),
    ]
    assert told(found).startswith("1 (pushed) → 2 (not_blessed)")
    assert "  accuracy  passed → FAILED: Not fine.\n  1 passed, in one run only\n" in told(found)


def test_check_that_failed_in_both_is_told(work_dir):
    for run_id in ("1", "2"):
        failed = {"check": "accuracy", "passed": False, "sentence": f"Not in {run_id}."}
        keep(work_dir, run_id, gates=[failed])
    lines = told(comparison.compare(work_dir, "1", "2")).splitlines()
    assert "  accuracy  FAILED in both: Not in 2." in lines


def test_runs_that_were_not_judged_say_so(work_dir):
    for run_id in ("1", "2"):
        keep(work_dir, run_id, gates=[], evaluation=None, evaluation_by_class=None)
    lines = told(comparison.compare(work_dir, "1", "2")).splitlines()
    assert lines[lines.index("checks") + 1] == "  none in either"
    assert lines[lines.index("metrics") + 1] == "  none were judged"


def test_seconds_of_the_steps_are_told_with_their_state(compared):
    steps = [
        {"name": "Trainer", "state": "cached", "seconds": 0.5},
        {"name": "Pusher", "state": "ran", "seconds": 0.1},
    ]
    found = compared(steps=steps, seconds=10.0)
    assert found.steps == [
        Timing(Difference("Trainer", 50.0, 0.5, -49.5), "ran", "cached"),
        Timing(Difference("Pusher", None, 0.1, None), None, "ran"),
    ]
    lines = [line.split() for line in told(found).splitlines()]
    assert ["Trainer", "50.0", "s", "→", "cached", "0.5", "s", "-49.5", "s"] in lines
    assert ["total", "1:00", "→", "10.0", "s", "-50.0", "s"] in lines


@pytest.mark.parametrize(
    ("wanted", "run_id"),
    [
        ("20261122", "20261122-130000"),
        ("20261123-13", "20261123-130000"),
        ("latest", "20261123-130000"),
    ],
)
def test_run_is_named_by_a_beginning_or_as_the_latest(work_dir, wanted, run_id):
    for each in ("20261122-130000", "20261123-120000", "20261123-130000"):
        keep(work_dir, each)
    (work_dir.runs / "20261123-140000").mkdir()  # This one is going on.
    assert comparison.compare(work_dir, wanted, "20261122").a == run_id


def test_whole_id_means_that_run_alone(work_dir):
    for each in ("20261123-130000", "20261123-130000-002"):
        keep(work_dir, each)
    found = comparison.compare(work_dir, "20261123-130000", "20261123-130000-")
    assert (found.a, found.b) == ("20261123-130000", "20261123-130000-002")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("9", r"run 9: .* no such run; there are 3, 12, 11, or latest$"),
        ("1", r"run 1: that may be 12, 11: give more of the id$"),
        ("3", r"run 3 cannot be compared: no summary\.json"),
    ],
)
def test_run_that_cannot_be_meant_is_refused(work_dir, wanted, said):
    for each in ("11", "12"):
        keep(work_dir, each)
    (work_dir.runs / "3").mkdir()
    with pytest.raises(ConfigError, match=said):
        comparison.compare(work_dir, wanted, "11")


def test_folder_without_runs_is_refused(work_dir):
    with pytest.raises(ConfigError, match="there are none"):
        comparison.compare(work_dir, "latest", "latest")
    with pytest.raises(WorkDirError):
        comparison.compare(WorkDir(work_dir.root / "none"), "latest", "latest")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(summary())), value=anything, inner=anything)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_summary_however_odd_breaks_the_comparison(tmp_path, name, value, inner):
    place, usual = WorkDir(tmp_path), summary()[name]
    nested = dict.fromkeys(usual, inner) if isinstance(usual, dict) else [inner, {"name": inner}]
    keep(place, "1", **{name: value})
    keep(place, "2", **{name: nested})
    assert told(comparison.compare(place, "1", "2"))
    assert told(comparison.compare(place, "2", "1"))


def test_command_prints_text_or_json(work_dir, capsys):
    keep(work_dir, "1")
    keep(work_dir, "2", preset="course")
    command = ["compare", "1", "latest", "--work-dir", str(work_dir.root)]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith("1 (pushed) → 2 (pushed)\n\nsettings\n")
    assert cli.main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == [{"name": "preset", "before": "default", "after": "course"}]
    assert found["metrics"][0] == {
        "name": "accuracy",
        "before": 0.9,
        "after": 0.9,
        "difference": 0.0,
    }
