"""summary.json holds the run as plain JSON, whole or not at all."""

import json

import pytest

from pipeline import summary
from pipeline.steps import Step
from pipeline.summary import Pushed, Summary
from pipeline.verdict import Gate


def a_summary(**changes):
    values = {
        "run_id": "20260101-000000",
        "status": "pushed",
        "exit_code": 0,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "command": ["frostline", "run", "--data", "größe"],
        "preset": "default",
        "config": {"train": {"epochs": 1}},
        "model": {"untrained": False},
        "log": "run.log",
        "data": {"read": 3},
    }
    return Summary(**{**values, **changes})


def test_everything_is_written_as_json(tmp_path):
    path = summary.write(
        tmp_path,
        a_summary(
            steps=[Step("Trainer", "ran", 2.0, ["Transform"])],
            gates=[Gate("accuracy", 0.9, {"min": 0.8}, True, "Good.")],
            pushed=Pushed("serving/m/7", "7"),
        ),
    )
    assert path == tmp_path / "summary.json"
    text = path.read_text(encoding="utf-8")
    read = json.loads(text)
    assert '"größe"' in text
    step = {"name": "Trainer", "state": "ran", "seconds": 2.0, "upstream": ["Transform"]}
    assert read["steps"] == [step]
    assert read["gates"][0]["bound"] == {"min": 0.8}
    assert read["pushed"] == {"path": "serving/m/7", "version": "7"}


def test_what_a_run_did_not_come_to_is_null_or_empty(tmp_path):
    read = json.loads(summary.write(tmp_path, a_summary(status="failed")).read_text())
    assert [read[key] for key in ("training", "evaluation", "pushed", "error")] == [None] * 4
    assert read["steps"] == read["gates"] == []


def test_numbers_that_json_lacks_become_null(tmp_path):
    path = summary.write(tmp_path, a_summary(evaluation={"log_loss": float("nan")}))

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(path.read_text(), parse_constant=refuse)["evaluation"] == {"log_loss": None}


def test_summary_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = summary.write(tmp_path, a_summary())
    before = path.read_text()
    with pytest.raises(TypeError):
        summary.write(tmp_path, a_summary(data={"read": object()}))
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_failed_write_leaves_no_half_of_a_file(tmp_path):
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        summary.write(tmp_path, a_summary())
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_versions_name_what_decides_a_run():
    assert {"python", "frostline", "tfx", "tensorflow", "keras"} <= set(summary.versions())
