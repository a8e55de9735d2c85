"""The last lines of a run say how it ended, why, and what to do next."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import closing
from pipeline.summary import Failure, Pushed, Summary
from pipeline.verdict import Gate

WORK_DIR = Path("somewhere/w")


def text(*, has_report=False, last_lines=(), **changes):
    values = {
        "run_id": "1",
        "status": "pushed",
        "exit_code": 0,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 12.3,
        "command": ["frostline", "run"],
        "preset": "default",
        "config": {},
        "model": {"untrained": False},
        "log": "somewhere/run.log",
        "data": {"read": 10, "accepted": 10, "quarantined": {}},
        "versions": {},
    }
    made = Summary(**{**values, **changes})
    return closing.text(made, WORK_DIR, has_report=has_report, log=last_lines)


def test_pushed_model_is_named_with_the_next_command():
    said = text(pushed=Pushed("somewhere/w/serving/m/7", "7"))
    assert "PUSHED after 12.3 s: somewhere/w/serving/m/7\n" in said
    assert "frostline predict --model somewhere/w IMAGE..." in said
    assert "UNTRAINED" not in said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("not_blessed", "NOT PUSHED after 12.3 s: the model did not pass its thresholds\n"),
        ("withdrawn", "NOT PUSHED after 12.3 s: this very model was withdrawn by `frostline rollb"),
        ("not_servable", "NOT PUSHED after 12.3 s: the model did not pass the serving gate\n"),
        ("not_pushed", "NOT PUSHED after 12.3 s: the model passed its thresholds, but its base is"),
        ("interrupted", "INTERRUPTED after 12.3 s: run the same command again to go on\n"),
    ],
)
def test_run_without_a_push_says_why(status, said):
    answer = text(status=status, error=Failure(None, "KeyboardInterrupt", "KeyboardInterrupt"))
    assert said in answer
    assert "frostline predict" not in answer
    assert "Traceback" not in answer


@pytest.mark.parametrize(("step", "said"), [("Trainer", "FAILED in Trainer "), (None, "FAILED ")])
def test_failure_names_the_step_and_the_reason(step, said):
    answer = text(status="failed", error=Failure(step, "ValueError", "the thing is wrong"))
    assert f"{said}after 12.3 s: the thing is wrong\n" in answer


def test_traceback_of_a_worker_stays_in_the_log():
    message = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: so wrong\n'
    answer = text(status="failed", error=Failure("Trainer", "RuntimeError", message))
    assert "FAILED in Trainer after 12.3 s: ValueError: so wrong\n" in answer
    assert "Traceback" not in answer


def test_untrained_model_is_marked():
    assert "UNTRAINED: the base has random weights." in text(model={"untrained": True})


def test_quarantine_is_told_by_reason():
    data = {"read": 10, "accepted": 7, "quarantined": {"empty": 2, "undecodable": 1}}
    assert "7 of 10 files are images; set aside: 2 empty, 1 undecodable\n" in text(data=data)


def test_run_that_read_nothing_says_nothing_of_data():
    assert "files are images" not in text(data={"path": "photos"})


def test_each_gate_says_its_sentence():
    gates = [
        Gate("accuracy", 0.9, {"min": 0.8}, True, "Good."),
        Gate("log_loss", 0.9, {"max": 0.8}, False, "Bad."),
    ]
    said = text(status="not_blessed", gates=gates)
    assert "  passed   Good.\n  FAILED   Bad.\n" in said


def test_checks_of_serving_are_counted_and_only_the_failed_ones_told():
    gates = [
        Gate("load_time", 1.0, {"max": 2.0}, True, "Quick."),
        Gate("parity", 0.5, {"max": 1e-3}, False, "Far apart.", ["cats/1.jpg"]),
    ]
    said = text(
        status="not_servable", gates=[replace(gate, step=closing.SERVING_GATE) for gate in gates]
    )
    assert "  passed   1 of 2 checks of serving\n" in said
    assert "  FAILED   parity: Far apart.\n             cats/1.jpg\n" in said
    assert "Quick." not in said
    assert "(--set serving_gate...)" in said


def test_reason_that_forced_a_model_through_is_told_below_the_failed_check():
    gates = [Gate("accuracy", 0.7, {"min": 0.8}, False, "Bad.")]
    said = text(gates=gates, force_bless="for the demo", pushed=Pushed("p", "7"))
    assert "  FAILED   Bad.\n  forced   for the demo\n" in said


def test_model_that_was_not_blessed_is_told_how_to_be_forced():
    said = text(status="not_blessed", command=["frostline", "run", "--data", "my photos"])
    assert "(--set evaluate...)" in said
    assert "frostline run --data 'my photos' --force-bless \"why it is fine\"\n" in said


def test_long_run_is_told_in_minutes():
    said = text(seconds=119.7, pushed=Pushed("p", "7"))
    assert "PUSHED after 2:00" in said


def test_report_is_named_where_there_is_one():
    assert "  report   somewhere/w/latest/report.html\n" in text(has_report=True)
    assert "report.html" not in text()


@pytest.mark.parametrize(
    ("status", "first"), [("failed", "once that is mended, "), ("interrupted", "")]
)
def test_run_that_did_not_end_is_gone_on_with_by_the_same_command(status, first):
    said = text(
        status=status,
        command=["frostline", "run", "--data", "my photos"],
        error=Failure("Trainer", "ValueError", "wrong"),
    )
    assert said.endswith(
        f"  next     {first}the same command goes on after the last finished step:\n"
        "           frostline run --data 'my photos'\n"
    )


def test_opening_names_the_log():
    assert "somewhere/run.log" in closing.opening(Path("somewhere/run.log"))


TUNING = {
    "objective": "val_loss",
    "trials": [
        {
            "number": number,
            "values": {"model.cut": cut, "model.dropout": 0.5},
            "val_loss": loss,
            "val_accuracy": 0.9,
            "epoch": 3,
            "seconds": 2.5,
        }
        for number, cut, loss in ((2, "mixed7", 0.125), (1, "mixed8", 0.25))
    ],
}


def test_search_ends_with_its_trials_and_the_words_of_the_best():
    said = text(status="tuned", tuning=TUNING, command=["frostline", "tune"])
    assert "TUNED after 12.3 s: 2 trials, best val_loss 0.125; 0.25 with the settings as" in said
    assert "--set model.cut=mixed7 --set model.dropout=0.5\n" in said
    assert "PUSHED" not in said
    assert "frostline predict" not in said


def test_tuned_model_is_pushed_with_a_line_on_the_search():
    said = text(pushed=Pushed("somewhere/w/serving/m/7", "7"), tuning=TUNING)
    assert "PUSHED after" in said
    assert "  tuned    2 trials, best val_loss 0.125" in said


def test_last_lines_of_the_log_are_shown_with_it():
    failure = Failure("Trainer", "ValueError", "the thing is wrong")
    made = text(status="failed", error=failure)
    assert "  log      somewhere/run.log\n" in made
    made = text(status="failed", error=failure, last_lines=["line 1", "line 2"])
    assert "  log      somewhere/run.log, which ends with\n           | line 1\n" in made
