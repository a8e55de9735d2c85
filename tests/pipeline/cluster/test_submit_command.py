"""kubeflow/submit.py as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cluster.submit_command import STILL_RUNNING, main

SCRIPT = Path(__file__).parents[3] / "kubeflow" / "submit.py"


@pytest.fixture
def run_id(kubeflow, compiled, capsys):
    assert main(["run", str(compiled), "--parameter", "data=x", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["run_id"]


def test_a_run_is_started_and_its_page_and_the_next_command_are_told(kubeflow, compiled, capsys):
    words = ["run", str(compiled), "--name", "mine", "--parameter", "data=x", "--no-cache"]
    assert main([*words, "--root", "gs://b/x", "--service-account", "trainer"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run_id  run-0",
        "name    mine",
        f"page    {kubeflow.url}/#/runs/details/run-0",
        "next    python kubeflow/submit.py wait run-0",
    ]
    made = kubeflow.runs["run-0"]
    assert made.runtime_config.pipeline_root == "gs://b/x"
    assert made.service_account == "trainer"
    assert '"enableCache": true' not in json.dumps(made.pipeline_spec)


def test_a_nightly_schedule_is_made_of_five_fields(kubeflow, compiled, capsys):
    words = ["schedule", str(compiled), "--name", "nightly", "--parameter", "data=x"]
    assert main([*words, "--cron", "0 2 * * *", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["when"] == "0 0 2 * * *"
    assert kubeflow.schedules["schedule-0"].trigger.cron_schedule.cron == "0 0 2 * * *"


def test_a_schedule_by_interval_takes_a_time_with_its_unit(kubeflow, compiled):
    words = ["schedule", str(compiled), "--name", "often", "--parameter", "data=x"]
    assert main([*words, "--every", "6h", "--catch-up"]) == 0
    made = kubeflow.schedules["schedule-0"]
    assert made.trigger.periodic_schedule.interval_second == "21600"
    assert made.no_catchup is False


def test_a_schedule_has_either_cron_or_interval(compiled):
    words = ["schedule", str(compiled), "--name", "x"]
    for more in ([], ["--cron", "0 2 * * *", "--every", "6h"]):
        with pytest.raises(SystemExit) as ended:
            main([*words, *more])
        assert ended.value.code == 2


def test_status_tells_each_step(kubeflow, run_id, capsys):
    kubeflow.states = [("RUNNING", {"Prepare": "SUCCEEDED", "Trainer": "RUNNING"})]
    assert main(["status", run_id]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("running  ")
    assert lines[1:3] == ["  Prepare: succeeded", "  Trainer: running"]


def test_waiting_tells_what_changes_and_ends_with_frostline_s_code(
    kubeflow, run_id, capsys, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    kubeflow.states = [
        ("RUNNING", {"Prepare": "SUCCEEDED", "DataGate": "RUNNING"}),
        ("RUNNING", {"Prepare": "SUCCEEDED", "DataGate": "RUNNING"}),
        ("FAILED", {"Prepare": "SUCCEEDED", "DataGate": "FAILED"}),
    ]
    assert main(["wait", run_id, "--poll", "1s"]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Prepare: succeeded", "DataGate: running", "DataGate: failed"]
    assert lines[3].startswith("FAILED  ")
    assert lines[4] == "  failed: DataGate"


def test_a_run_can_be_waited_for_at_once(kubeflow, compiled, capsys):
    kubeflow.states = [("FAILED", {"ServingGate": "FAILED"})]
    assert main(["run", str(compiled), "--parameter", "data=x", "--wait", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["run_id"] == "run-0"
    assert main(["run", str(compiled), "--parameter", "data=x", "--wait"]) == 5
    assert capsys.readouterr().out.splitlines()[0] == "run_id  run-1"


def test_waiting_no_longer_than_the_limit_has_a_code_of_its_own(run_id, capsys):
    assert main(["wait", run_id, "--poll", "1s", "--limit", "1s", "--json"]) == STILL_RUNNING
    assert json.loads(capsys.readouterr().out)["exit_code"] == STILL_RUNNING


def test_waiting_reads_the_summary_on_the_state_s_volume(kubeflow, run_id, tmp_path):
    kubeflow.states = [("SUCCEEDED", {})]
    folder = tmp_path / "runs" / f"20261124-020000-{run_id}"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text('{"exit_code": 3}')
    assert main(["wait", run_id, "--state", str(tmp_path)]) == 3


def test_an_error_is_one_line_and_code_2(kubeflow, compiled, capsys):
    kubeflow.token = "right"
    assert main(["run", str(compiled), "--parameter", "data=x"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"submit.py: error: {kubeflow.url} answered 401 Unauthorized")
    assert len(told.err.splitlines()) == 1


def test_the_script_s_help_loads_nothing_of_kfp():
    code = f"""
import runpy, sys
sys.argv = ["submit.py", "--help"]
try:
    runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
except SystemExit as ended:
    assert ended.code == 0
assert not {{"kfp", "kubernetes", "tensorflow", "tfx"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "schedule" in done.stdout
