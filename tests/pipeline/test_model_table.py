"""The table of models tells which is served, which are not, and why."""

import json
import re

import pytest

from components import releases
from components.blessed import Blessed
from pipeline import model_table
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError

NOON = 1_795_435_200  # 2026-11-23 12:00 UTC
METRICS = {"accuracy": 0.9, "log_loss": 0.25, "expected_calibration_error": 0.01}
SENTENCE = "Accuracy 0.7000 is not at least 0.8."


def publish(work_dir, version, *, name="m", forced=""):
    base = work_dir.serving / name
    model = work_dir.root / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").touch()
    metrics = {"": METRICS}
    releases.publish(
        str(model),
        Blessed(version, str(base / str(version)), "judged-1", metrics, forced=forced),
    )
    return base


def keep_summary(work_dir, run_id, status, *, version=None, evaluator="ran", serving_gate="cached"):
    folder = work_dir.runs / run_id
    folder.mkdir(parents=True)
    summary = {
        "run_id": run_id,
        "status": status,
        "started": "2026-11-23T13:00:00+01:00",
        "config": {"push": {"model_name": "m"}},
        "steps": [
            {"name": "Evaluator", "state": evaluator, "seconds": 1.0},
            {"name": "ServingGate", "state": serving_gate, "seconds": 1.0},
        ],
        "evaluation": METRICS if status == "pushed" else {**METRICS, "accuracy": 0.7},
        "gates": [
            {"sentence": "The base has pretrained weights.", "passed": True},
            {"sentence": SENTENCE, "passed": status == "pushed"},
        ],
        "pushed": version and {"path": "p", "version": str(version)},
    }
    (folder / "summary.json").write_text(json.dumps(summary))


def states(work_dir):
    return [(entry.version, entry.state) for entry in model_table.entries(work_dir)]


def test_highest_version_is_served_and_earlier_ones_are_kept(work_dir):
    for version in (NOON, NOON + 60, NOON + 120):
        publish(work_dir, version)
    assert states(work_dir) == [(NOON + 120, "served"), (NOON + 60, "kept"), (NOON, "kept")]


def test_withdrawn_version_is_told_apart(work_dir):
    base = publish(work_dir, NOON)
    publish(work_dir, NOON + 60)
    releases.withdraw(base, NOON + 60)
    assert states(work_dir) == [(NOON + 60, "withdrawn"), (NOON, "served")]


def test_version_that_made_room_is_remembered_by_its_run(work_dir):
    keep_summary(work_dir, "1", "pushed", version=NOON)
    publish(work_dir, NOON + 60)
    [_, removed] = model_table.entries(work_dir)
    assert (removed.version, removed.state, removed.run) == (NOON, "removed", "1")
    assert removed.metrics == METRICS


def test_metrics_and_reason_come_from_the_card(work_dir):
    publish(work_dir, NOON, forced="the old one has a bug")
    [entry] = model_table.entries(work_dir)
    assert entry.metrics == METRICS
    assert entry.why == ["forced: the old one has a bug"]
    assert (entry.made, entry.run) == ("2026-11-23T12:00:00+00:00", None)


def test_version_is_told_with_the_first_run_that_pushed_it(work_dir):
    publish(work_dir, NOON)
    keep_summary(work_dir, "1", "pushed", version=NOON)
    keep_summary(work_dir, "2", "pushed", version=NOON, evaluator="cached")
    [entry] = model_table.entries(work_dir)
    assert entry.run == "1"


@pytest.mark.parametrize("status", ["not_blessed", "not_pushed", "not_servable"])
def test_refused_model_is_told_with_the_checks_that_it_failed(work_dir, status):
    keep_summary(work_dir, "1", status)
    [entry] = model_table.entries(work_dir)
    assert (entry.version, entry.state, entry.why) == (None, "refused", [SENTENCE])
    assert (entry.made, entry.metrics["accuracy"]) == ("2026-11-23T12:00:00+00:00", 0.7)


def test_model_that_was_refused_before_is_told_once(work_dir):
    keep_summary(work_dir, "1", "not_blessed")
    keep_summary(work_dir, "2", "not_blessed", evaluator="cached")
    assert [entry.run for entry in model_table.entries(work_dir)] == ["1"]


@pytest.mark.parametrize("status", ["failed", "refused", "interrupted", "tuned"])
def test_run_without_a_judged_model_is_left_out(work_dir, status):
    keep_summary(work_dir, "1", status)
    assert model_table.entries(work_dir) == []


def test_table_shows_each_model_on_a_line(work_dir):
    publish(work_dir, NOON, forced="the old one has a bug")
    keep_summary(work_dir, "1", "not_blessed")
    head, _, *rows = model_table.lines(model_table.entries(work_dir), width=160)
    titles = r"model +version +made \(UTC\) +state +accuracy +log loss +ECE +why"
    assert re.fullmatch(titles, head.strip())
    served = next(row for row in rows if "served" in row)
    refused = next(row for row in rows if "refused" in row)
    assert served.split()[:2] == ["m", str(NOON)]
    assert "0.9000     0.2500   0.0100   forced: the old one has a bug" in served
    assert refused.split()[1] == "-"
    assert refused.endswith(SENTENCE)


def test_folder_that_is_no_work_directory_is_refused(work_dir):
    with pytest.raises(WorkDirError, match="holds no runs"):
        model_table.entries(WorkDir(work_dir.root / "typo"))


def test_reason_is_shown_as_it_was_written(work_dir):
    publish(work_dir, NOON, forced="[hotfix] see [/JIRA-1]")
    rows = model_table.lines(model_table.entries(work_dir), width=160)
    assert rows[-1].endswith("forced: [hotfix] see [/JIRA-1]")


def test_version_that_is_no_time_has_no_date(work_dir):
    publish(work_dir, 20_240_101_123_000)
    [entry] = model_table.entries(work_dir)
    assert (entry.version, entry.made) == (20_240_101_123_000, "")


def test_model_that_only_the_serving_gate_judged_anew_is_told(work_dir):
    keep_summary(work_dir, "1", "not_servable", evaluator="cached", serving_gate="ran")
    assert [entry.state for entry in model_table.entries(work_dir)] == ["refused"]


def test_broken_summary_stops_no_listing(work_dir):
    publish(work_dir, NOON)
    (work_dir.runs / "1").mkdir(parents=True)
    (work_dir.runs / "1" / "summary.json").write_text("{")
    assert states(work_dir) == [(NOON, "served")]
