"""A run that the data gate stops: exit code 4, every check in the summary, and the way on."""

import json
from pathlib import Path

import pytest

from components import gates
from components.gates import Gate, Verdict
from pipeline import closing, local
from pipeline.config import Config
from pipeline.steps import Step
from pipeline.summary import Summary
from trainer.errors import DataRefusedError

GOOD = Gate("images_per_class", 9, {"min": 5}, True, "Enough.", step="DataGate")
BAD = Gate("property_drift", 0.9, {"max": 0.2}, False, "Too dark.", ("a.jpg",), "DataGate")


@pytest.fixture
def refused(make_images, tmp_path, monkeypatch):
    """Exit code and summary of a run with a stand-in for the steps."""

    def steps(place, request, screen, attempt):
        attempt.steps = [Step("DataGate", "failed", 0.1), Step("Trainer", "skipped")]
        attempt.failed_step = "DataGate"
        gates.write(place.data_gate / gates.REFUSED, Verdict([GOOD, BAD], "0001-a"))
        raise DataRefusedError("the data did not pass")

    monkeypatch.setattr(local, "_execute", steps)
    exit_code = local.run(
        config=Config.model_validate({"model": {"weights": "random"}}),
        data=str(make_images(tmp_path / "data", count=2)),
        span=None,
        work_dir=tmp_path / "w",
        preset="default",
        command=["frostline", "run", "--data", "my photos"],
    )
    return exit_code, json.loads((tmp_path / "w" / "latest" / "summary.json").read_text())


@pytest.mark.graph
def test_refused_run_exits_with_4_and_sums_up_every_check(refused):
    exit_code, summary = refused
    assert exit_code == summary["exit_code"] == 4
    assert summary["status"] == "refused"
    assert summary["error"]["step"] == "DataGate"
    assert [(gate["check"], gate["passed"]) for gate in summary["gates"]] == [
        ("images_per_class", True),
        ("property_drift", False),
    ]
    assert summary["gates"][1]["files"] == ["a.jpg"]
    assert summary["data"]["accept_reason"] == ""


def closed(status, **data):
    return closing.text(
        Summary(
            run_id="1",
            status=status,
            exit_code=4,
            started="2026-01-01T00:00:00+00:00",
            seconds=12.3,
            command=["frostline", "run", "--data", "my photos"],
            preset="default",
            config={},
            model={"untrained": True},
            log="run.log",
            data={"path": "my photos", **data},
            gates=[GOOD, BAD, Gate("accuracy", 1, {"min": 0.8}, True, "Accurate.")],
            versions={},
        ),
        Path("w"),
    )


def test_closing_lines_say_what_failed_which_files_and_the_next_command():
    said = closed("refused")
    assert (
        "REFUSED after 12.3 s: the data did not pass the data gate; nothing was trained\n" in said
    )
    assert "  passed   1 of 2 checks of the data\n" in said
    assert "  FAILED   property_drift: Too dark.\n             a.jpg\n" in said
    assert "frostline run --data 'my photos' --accept-data \"why they are fine\"\n" in said
    assert "Enough." not in said
    assert "UNTRAINED" not in said


def test_closing_lines_of_accepted_data_keep_the_reason():
    said = closed("pushed", accept_reason="new lamps")
    assert "FAILED   property_drift: Too dark." in said
    assert "  accepted new lamps\n" in said
    assert "  passed   Accurate.\n" in said
    assert "--accept-data" not in said
