"""A run on a cluster is summed up from what its steps have left, whatever became of it."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from components import gates
from components.gates import Gate, Verdict
from pipeline.cluster import records
from pipeline.cluster.order import Expected, Order
from pipeline.cluster.records import Output, StepRecord
from pipeline.config import Config
from pipeline.workdir import WorkDir

pytestmark = pytest.mark.graph

RUN = "74c1cc77-cb63-40c1-b00f-f4cd1c669a38"
CHECK = Gate("class_imbalance", 9.0, {"max": 5.0}, False, "Too few.", step="DataGate")
STEPS = [
    Expected("Prepare", [], "k-prepare", ""),
    Expected("ImageExampleGen", ["Prepare"], "k-gen", ""),
    Expected("DataGate", ["ImageExampleGen"], "k-gate", "gate_key"),
    Expected("Trainer", ["DataGate"], "k-trainer", "model_key"),
    Expected("Evaluator", ["Trainer"], "k-evaluator", "judgement_key"),
    Expected("ServingGate", ["Trainer"], "k-serving", "judgement_key"),
    Expected("Pusher", ["Evaluator", "ServingGate"], "k-pusher", ""),
]
KEYS = {"gate_key": "g", "model_key": "m", "judgement_key": "j", "data_path": "gs://b/photos"}
SUCCEEDED = '{"state": "SUCCEEDED"}'
FAILED = '{"state": "FAILED", "error": {}}'


@pytest.fixture
def place(tmp_path):
    return WorkDir(tmp_path / "state")


@pytest.fixture
def leave(place):
    """Leaves the record of a step, and what it has put out."""

    def left(
        step, state: Any = "ran", *, run=RUN, made_from="", outputs=None, files=None, **fields
    ):
        key = next((each.key for each in STEPS if each.name == step), "")
        folder = records.folder_of(place, run)
        for name, content in (files or {}).items():
            path = records.folder(folder, step) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        record = StepRecord(
            step,
            state,
            "2026-11-24T01:00:00+00:00",
            seconds=2.5,
            key=key,
            made_from=made_from,
            outputs=outputs or {},
            **fields,
        )
        records.write(folder, record)
        return folder

    return left


@pytest.fixture
def leave_pushed(leave, tmp_path):
    """Leaves the records of a run that has pushed a model."""

    def left(run=RUN):
        version = tmp_path / "serving" / "1"
        version.mkdir(parents=True, exist_ok=True)
        leave("Prepare", run=run, values=KEYS)
        leave("ImageExampleGen", run=run)
        leave("DataGate", run=run, made_from="g")
        history = {"best_epoch": 1, "epochs": []}
        leave(
            "Trainer",
            run=run,
            made_from="m",
            outputs={"model_run": Output("ModelRun", {})},
            files={
                "model_run/history.json": history,
                "model_run/curves.png": 0,
                "model_run/model.txt": 0,
            },
        )
        evaluation = {
            "judged": "d",
            "metrics": {"": {"accuracy": 0.9, "example_count": 50.0}},
            "confusion": {},
            "baseline": None,
        }
        leave(
            "Evaluator",
            run=run,
            made_from="j",
            outputs={"blessing": Output("ModelBlessing", {"blessed": 1.0})},
            files={
                "blessing/evaluation.json": evaluation,
                "blessing/verdict.json": asdict(Verdict([], "")),
            },
        )
        leave(
            "ServingGate",
            run=run,
            made_from="j",
            outputs={"blessing": Output("InfraBlessing", {"blessed": 1.0})},
            files={
                "blessing/serving.json": {"load_seconds": 1.0},
                "blessing/verdict.json": asdict(Verdict([], "")),
            },
        )
        pushed = {"pushed": 1.0, "pushed_destination": str(version), "pushed_version": "1"}
        leave("Pusher", run=run, outputs={"pushed_model": Output("PushedModel", pushed)})

    return left


@pytest.fixture
def summed_up(place, tmp_path):
    """The summary as it is written, of a run that has left something."""
    from pipeline.cluster import accounting

    def sum_up(final_status=SUCCEEDED, *, run=RUN, state=str(place.root)):
        order = Order(
            config=Config().model_dump(mode="json"),
            preset="default",
            command=["compile.py"],
            weights="/weights/w.h5",
            weights_sha256="abc",
            state=state,
            steps=STEPS,
        )
        summary, report = tmp_path / "s", tmp_path / "r"
        accounting.write(
            order, run=run, final_status=final_status, summary_file=summary, report_file=report
        )
        assert "<html" in report.read_text()
        return json.loads(summary.read_text())

    return sum_up


def states(summary):
    return {step["name"]: step["state"] for step in summary["steps"]}


def test_pushed_run_is_told_as_a_local_one(leave_pushed, summed_up, place):
    leave_pushed()
    summary = summed_up()
    assert (summary["status"], summary["exit_code"]) == ("pushed", 0)
    assert summary["evaluation"]["accuracy"] == 0.9
    assert summary["pushed"]["version"] == "1"
    assert summary["data"]["path"] == "gs://b/photos"
    assert summary["training"]["best_epoch"] == 1
    assert summary["model"]["weights"] == "/weights/w.h5"
    assert set(states(summary).values()) == {"ran"}
    assert (place.latest / "summary.json").exists()
    assert (place.latest / "report.html").exists()


def test_steps_that_kubeflow_served_from_its_cache_are_told_from_the_run_that_ran_them(
    leave_pushed, leave, summed_up
):
    leave_pushed(run="00000000-before")
    leave("Prepare", values=KEYS)
    leave("ImageExampleGen")
    summary = summed_up()
    assert states(summary) == {
        "Prepare": "ran",
        "ImageExampleGen": "ran",
        "DataGate": "cached",
        "Trainer": "cached",
        "Evaluator": "cached",
        "ServingGate": "cached",
        "Pusher": "skipped",
    }
    assert summary["evaluation"]["accuracy"] == 0.9


def test_what_an_earlier_run_did_with_other_data_is_not_told(leave_pushed, leave, summed_up):
    leave_pushed(run="00000000-before")
    leave("Prepare", values={**KEYS, "judgement_key": "other"})
    leave("ImageExampleGen")
    assert states(summed_up())["Evaluator"] == "skipped"


def test_refused_data_are_told_with_their_checks(leave, summed_up, place):
    leave("Prepare", values=KEYS)
    leave("ImageExampleGen")
    error = {"type": "DataRefusedError", "message": "the data did not pass"}
    leave("DataGate", "failed", exit_code=4, error=error)
    gates.write(place.data_gate / gates.REFUSED, Verdict([CHECK], ""))
    summary = summed_up(FAILED)
    assert (summary["status"], summary["exit_code"]) == ("refused", 4)
    assert [gate["sentence"] for gate in summary["gates"]] == ["Too few."]
    assert summary["error"]["step"] == "DataGate"
    assert states(summary)["Trainer"] == "skipped"


def test_step_that_was_killed_is_told(leave, summed_up):
    leave("Prepare", values=KEYS)
    leave("ImageExampleGen", "running")
    summary = summed_up(FAILED)
    assert (summary["status"], summary["exit_code"]) == ("failed", 1)
    assert summary["error"]["step"] == "ImageExampleGen"
    assert "memory" in summary["error"]["message"]


def test_pod_that_never_started_is_told(leave, summed_up):
    leave("Prepare", values=KEYS)
    summary = summed_up('{"state": "FAILED", "error": {"message": "no node has a GPU"}}')
    assert summary["status"] == "failed"
    assert summary["error"]["step"] == "ImageExampleGen"
    assert summary["error"]["message"] == "no node has a GPU"


def test_model_that_was_not_blessed_is_told(leave_pushed, leave, summed_up):
    leave_pushed()
    leave("Evaluator", outputs={"blessing": Output("ModelBlessing", {"blessed": 0.0})})
    assert (summed_up()["status"], summed_up()["exit_code"]) == ("not_blessed", 3)


@pytest.mark.parametrize(
    ("final_status", "status", "code"), [(SUCCEEDED, "finished", 0), (FAILED, "failed", 1)]
)
def test_without_a_state_kubeflow_tells_how_it_ended(summed_up, final_status, status, code):
    summary = summed_up(final_status, state="")
    assert (summary["status"], summary["exit_code"]) == (status, code)
    assert summary["steps"] == []
    assert (summary["error"] or {}).get("step") is None


def test_unknown_final_status_is_a_failure(summed_up):
    assert summed_up("no json", state="")["status"] == "failed"
