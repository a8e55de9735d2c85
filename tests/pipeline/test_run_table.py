"""The table of runs: what each ran on and with, what came of it, and that nothing breaks it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import cli, run_table
from pipeline.changes import Change
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError

SENTENCE = "Accuracy 0.7000 is not at least 0.8."


def summary(run_id, **changed):
    return {
        "run_id": run_id,
        "status": "pushed",
        "started": "2026-11-23T13:00:00+01:00",
        "seconds": 75.5,
        "preset": "default",
        "config": {
            "train": {"epochs": 20, "seed": 1},
            "evaluate": {"thresholds": {"accuracy": {"min": 0.8}}},
        },
        "data": {"path": "photos", "accepted": 3000, "accept_reason": ""},
        "evaluation": {"accuracy": 0.9, "log_loss": 0.25},
        "gates": [{"check": "accuracy", "passed": True, "sentence": "Accuracy is fine."}],
        "pushed": {"path": "p", "version": "17"},
        "error": None,
    } | changed


def keep(work_dir, run_id, text=None, **changed):
    folder = work_dir.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(text or json.dumps(summary(run_id, **changed)))


def config(epochs, **thresholds):
    return {"train": {"epochs": epochs, "seed": 1}, "evaluate": {"thresholds": thresholds}}


def told(work_dir, width=140):
    return "\n".join(run_table.lines(run_table.entries(work_dir), width=width))


def test_latest_run_comes_first(work_dir):
    for run_id in ("20261123-130000-002", "20261123-130000", "20261122-230000"):
        keep(work_dir, run_id)
    assert [entry.run for entry in run_table.entries(work_dir)] == [
        "20261123-130000-002",
        "20261123-130000",
        "20261122-230000",
    ]


def test_run_is_told_in_a_row(work_dir):
    keep(work_dir, "1")
    header, row, below = told(work_dir).splitlines()
    assert header.split("  ")[0] == "run"
    assert row.split() == [
        *["1", "2026-11-23", "12:00", "pushed", "1:16", "3000", "0.9000", "0.2500", "1/1", "17"]
    ]
    assert below == "  preset default · photos"


def test_settings_are_compared_with_the_run_before(work_dir):
    keep(work_dir, "1")
    keep(work_dir, "2", config=config(30, accuracy={"min": 0.8}, log_loss={"max": 0.5}))
    latest, first = run_table.entries(work_dir)
    assert latest.changed == [
        Change("train.epochs", 20, 30),
        Change("evaluate.thresholds.log_loss.max", None, 0.5),
    ]
    assert first.changed == []
    assert "  changed train.epochs 20 → 30, evaluate.thresholds.log_loss.max" in told(work_dir)


def test_run_that_left_no_settings_is_passed_over(work_dir):
    keep(work_dir, "1")
    keep(work_dir, "2", text="{")
    keep(work_dir, "3", config=config(30, accuracy={"min": 0.8}))
    latest, broken, _ = run_table.entries(work_dir)
    assert latest.changed == [Change("train.epochs", 20, 30)]
    assert broken.changed == []


def test_setting_that_an_older_version_lacked_is_no_change(work_dir):
    keep(work_dir, "1", config={"train": {"epochs": 20}})
    keep(work_dir, "2", config={"train": {"epochs": 20, "mirror": True}})
    assert run_table.entries(work_dir)[0].changed == []


def test_many_changes_are_counted(work_dir):
    keep(work_dir, "1", config={"train": {str(number): 0 for number in range(9)}})
    keep(work_dir, "2", config={"train": {str(number): 1 for number in range(9)}})
    assert "train.3 0 → 1, and 5 more" in told(work_dir)
    assert "train.4" not in told(work_dir)


def test_failed_checks_and_errors_are_told(work_dir):
    gates = [{"check": "accuracy", "passed": False, "sentence": SENTENCE}]
    keep(work_dir, "1", status="not_blessed", gates=gates, pushed=None)
    trace = "Traceback (most recent call last):\n  File x\nValueError: a bug"
    keep(work_dir, "2", status="failed", error={"step": "Trainer", "message": trace})
    failed, refused = run_table.entries(work_dir)
    assert failed.verdict == ["Trainer: ValueError: a bug"]
    assert (refused.verdict, refused.version) == ([SENTENCE], None)
    assert (refused.checks_passed, refused.checks) == (0, 1)


def test_reason_of_a_person_is_told(work_dir):
    keep(work_dir, "1", data={"accept_reason": "a known burst"})
    assert "accepted as they are: a known burst" in told(work_dir)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "summary.json: Expecting property name"),
        ("[1]", "summary.json holds no object"),
        ("\udcff", "summary.json: 'utf-8' codec can't decode"),
    ],
)
def test_broken_summary_is_told_and_harms_no_other(work_dir, text, said):
    keep(work_dir, "1")
    folder = work_dir.runs / "2"
    folder.mkdir()
    (folder / "summary.json").write_bytes(text.encode(errors="surrogateescape"))
    broken, whole = run_table.entries(work_dir)
    assert broken.status == "unreadable"
    assert said in broken.verdict[0]
    assert whole.status == "pushed"


def test_run_without_a_summary_is_going_on_or_was_killed(work_dir):
    (work_dir.runs / "1").mkdir(parents=True)
    [entry] = run_table.entries(work_dir)
    assert (entry.status, len(entry.verdict)) == ("unfinished", 1)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(summary("1"))), value=anything, inner=anything)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_summary_however_odd_breaks_the_table(tmp_path, name, value, inner):
    place, usual = WorkDir(tmp_path), summary("1")
    keep(place, "1", text=json.dumps(usual | {name: value}))
    table = dict.fromkeys(usual[name], inner) if isinstance(usual[name], dict) else [inner]
    keep(place, "2", text=json.dumps(usual | {name: table}))
    assert len(run_table.entries(place)) == 2
    assert told(place)


@pytest.mark.parametrize("width", [80, 140])
def test_no_line_is_wider_than_the_terminal(work_dir, width):
    wide = config(30, **{name: {"min": 0.5} for name in ("accuracy", "auc", "recall")})
    keep(work_dir, "20261122-130000", status="not_blessed", preset="course")
    keep(work_dir, "20261123-130000", config=wide, pushed={"version": "1795461703"})
    lines = told(work_dir, width).splitlines()
    assert max(map(len, lines)) <= width
    assert ("started (UTC)" in lines[0]) == (width == 140)


def test_folder_that_is_none_is_refused():
    with pytest.raises(WorkDirError, match="/no/such holds no runs: `frostline run`"):
        run_table.entries(WorkDir(Path("/no/such")))


def test_command_prints_the_table_or_json(work_dir, capsys):
    assert cli.main(["runs", "--work-dir", str(work_dir.root)]) == 0
    assert capsys.readouterr().out == "nothing has been run yet\n"
    keep(work_dir, "1")
    keep(work_dir, "2", config=config(30, accuracy={"min": 0.8}))
    assert cli.main(["runs", "--work-dir", str(work_dir.root), "--json"]) == 0
    latest, _ = json.loads(capsys.readouterr().out)
    assert latest["changed"] == [{"name": "train.epochs", "before": 20, "after": 30}]
    assert (latest["images"], latest["accuracy"], latest["version"]) == (3000, 0.9, "17")
