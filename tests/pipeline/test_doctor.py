"""The command `frostline doctor`: a line for each thing, and an exit code that says if all work."""

import json

import pytest

from pipeline import cli, doctor, machine_checks
from pipeline.config import Config
from pipeline.findings import Finding, lines
from pipeline.overview_commands import UNFIT


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    monkeypatch.setattr(machine_checks, "tensorflow", lambda: Finding("TensorFlow", "ok", "2.21"))
    monkeypatch.setenv("FROSTLINE_WEIGHTS", "/no/weights.h5")


@pytest.fixture
def states(tmp_path):
    def examine(data=None, environ=None):
        found = doctor.examine(Config(), data=data, work_dir=tmp_path, environ=environ or {})
        return {finding.name: finding.state for finding in found}

    return examine


def test_everything_is_looked_at(states, make_images, tmp_path):
    found = states(str(make_images(tmp_path / "data")))
    assert list(found) == [
        *["Python", "glibc", "packages", "CPU", "memory", "data", "features", "disk"],
        *["weights", "Beam", "TF Serving", "TensorFlow"],
    ]
    assert found["data"] == "ok"


def test_data_that_cannot_be_read_do_not_end_the_examination(states, tmp_path):
    found = states(str(tmp_path / "nothing"))
    assert found["data"] == "fail"
    assert "TensorFlow" in found


def test_kubeflow_is_looked_at_only_where_it_is_configured(states):
    assert "Kubeflow" not in states()
    assert states(environ={"KF_PIPELINES_ENDPOINT": "127.0.0.1:1"})["Kubeflow"] == "fail"


def test_failure_is_the_exit_code(tmp_path, capsys, monkeypatch):
    command = ["doctor", "--work-dir", str(tmp_path)]
    assert cli.main(command) == UNFIT
    assert "\nfail  weights        no weights file at /no/weights.h5" in capsys.readouterr().out
    monkeypatch.setattr(machine_checks, "memory", lambda _: Finding("memory", "ok", "enough"))
    assert cli.main([*command, "--weights", "random"]) == 0


def test_json_tells_the_same(tmp_path, capsys):
    assert cli.main(["doctor", "--work-dir", str(tmp_path), "--json"]) == UNFIT
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["TensorFlow"] == {"name": "TensorFlow", "state": "ok", "found": "2.21", "fix": ""}
    assert found["weights"]["state"] == "fail"


def test_wrong_setting_is_an_error_of_usage(capsys):
    assert cli.main(["doctor", "--set", "train.epoch=1"]) == cli.USAGE
    assert capsys.readouterr().out == ""


def test_finding_is_wrapped_below_its_name():
    finding = Finding("memory", "warn", "word " * 20, "do this")
    told = lines(finding, width=80)
    assert told[0].startswith("warn  memory         word word")
    assert told[-1] == " " * 21 + "fix: do this"
    assert max(map(len, told)) <= 80
    assert {line[:21].strip() for line in told[1:]} == {""}
