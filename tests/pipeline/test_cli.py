"""The command line, from outside: what it prints, where, and its exit codes."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.config import Config
from trainer.errors import ConfigError

FROSTLINE = Path(sys.executable).with_name("frostline")


def frostline(*arguments, **options):
    return subprocess.run(
        [FROSTLINE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


@pytest.mark.parametrize("command", [[], ["run"], ["config"], ["predict"]])
def test_help_is_printed_on_request(command):
    answer = frostline(*command, "--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith("usage: frostline")
    assert not answer.stderr


def test_no_command_prints_help_as_an_error():
    answer = frostline()
    assert answer.returncode == cli.USAGE
    assert answer.stderr.startswith("usage: frostline")
    assert not answer.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["walk"], "invalid choice: 'walk'"),
        (["run", "--data", "photos"], "required: --work-dir"),
        (["run", "--work-dir", "w"], "frostline: error: --data DIR is missing"),
        (["run", "--work-dir", "w", "--dat", "photos"], "unrecognized arguments: --dat"),
        (["run", "--work-dir", "w", "--data", ""], "should name a folder, a file or a URL"),
        (["run", "--work-dir", "w", "--span", "new"], "should be latest, N, or N..M"),
        (["run", "--work-dir", "w", "--preset", "sample", "--span", "1"], "needs --data DIR"),
        (["run", "--work-dir", "w", "--quiet", "--verbose"], "not allowed with argument"),
        (["plan", "--work-dir", "w"], "frostline: error: --data DIR is missing"),
        (["lineage", "7"], "version 7 of which work directory? Add --work-dir DIR"),
        (["lineage", "photos"], "MODEL = photos: should be a folder WORK_DIR/serving/NAME/VERSI"),
        (["config", "--preset", "cours"], "invalid choice: 'cours'"),
        (["config", "--set", "train.epoch=1"], "frostline: error: train.epoch (from --set"),
        (["predict", "--model", "w"], "required: PATH"),
        (["predict", "a.jpg"], "required: --model"),
        (["predict", "--model", "w", "--batch-size", "0", "a.jpg"], "whole number from 1: 0"),
        (["predict", "--model", "/nowhere", "a.jpg"], "/nowhere holds no pushed model"),
    ],
)
def test_wrong_usage_is_told_on_standard_error(arguments, said):
    answer = frostline(*arguments)
    assert answer.returncode == cli.USAGE
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not answer.stdout


def test_wrong_configuration_is_noticed_before_anything_is_made(tmp_path):
    work_dir = tmp_path / "w"
    answer = frostline("run", "--data", tmp_path, "--work-dir", work_dir, "--set", "train.epochs=0")
    assert answer.returncode == cli.USAGE
    assert not work_dir.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["run"],
        ["run", "--data", "d", "--work-dir", "w", "--set", "x"],
    ],
)
def test_help_and_wrong_usage_answer_within_half_a_second(arguments):
    def seconds():
        started = time.perf_counter()
        frostline(*arguments)
        return time.perf_counter() - started

    # The best of three: other work on the machine is not the command's.
    assert min(seconds() for _ in range(3)) < 0.5


def test_config_prints_what_config_reads(tmp_path):
    printed = frostline("config", "--preset", "course", "--set", "train.epochs=2")
    assert printed.returncode == 0
    assert tomllib.loads(printed.stdout)["train"]["epochs"] == 2
    file = tmp_path / "my.toml"
    file.write_text(printed.stdout)
    assert frostline("config", "--config", file).stdout == printed.stdout


def test_version_is_printed():
    answer = frostline("--version")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("frostline ")


def test_reader_that_goes_away_causes_no_traceback():
    command = f"{FROSTLINE} config | true; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert not answer.stderr


class RunStandIn:
    """Stands in for `pipeline.local`, which needs TFX: keeps what it is asked, and answers."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = {}

    def run(self, **asked):
        self.asked = asked
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def stand_in(monkeypatch):
    def install(answer):
        local = RunStandIn(answer)
        monkeypatch.setitem(sys.modules, "pipeline.local", local)
        monkeypatch.setattr("pipeline.local", local, raising=False)
        return local

    return install


def test_run_hands_over_what_was_asked_and_returns_its_exit_code(stand_in):
    local = stand_in(3)
    arguments = ["run", "--data", "gs://b/photos", "--span", "1..10", "--work-dir", "w"]
    arguments += ["--weights", "random"]
    assert cli.main(arguments) == 3
    assert local.asked == {
        "config": Config.model_validate({"model": {"weights": "random"}}),
        "data": "gs://b/photos",
        "span": "1..10",
        "work_dir": Path("w"),
        "preset": "default",
        "command": ["frostline", *arguments],
        "accept_reason": None,
        "force_bless": None,
        "until_tuned": False,
        "is_json": False,
        "detail": "normal",
    }


def test_reasons_are_handed_over_without_the_spaces_around_them(stand_in):
    local = stand_in(0)
    words = ["run", "--data", "photos", "--work-dir", "w", "--accept-data", " a ", "--force-bless"]
    assert cli.main([*words, " b "]) == 0
    assert (local.asked["accept_reason"], local.asked["force_bless"]) == ("a", "b")


@pytest.mark.parametrize("option", ["--accept-data", "--force-bless"])
def test_empty_reason_is_a_usage_error(stand_in, capsys, option):
    local = stand_in(0)
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--data", "photos", "--work-dir", "w", option, " "])
    assert ended.value.code == cli.USAGE
    assert f"{option}: should say why" in capsys.readouterr().err
    assert not local.asked


def test_search_forces_nothing(stand_in):
    local = stand_in(0)
    assert cli.main(["tune", "--data", "photos", "--work-dir", "w"]) == 0
    assert local.asked["force_bless"] is None


def test_data_may_be_the_url_of_a_local_folder(stand_in):
    local = stand_in(0)
    cli.main(["run", "--data", "file:///photos", "--work-dir", "w", "--weights", "random"])
    assert local.asked["data"] == "/photos"


def test_sample_needs_no_data(stand_in):
    local = stand_in(0)
    assert cli.main(["run", "--preset", "sample", "--work-dir", "w"]) == 0
    assert local.asked["data"] is None


def test_error_that_a_person_can_mend_is_told_plainly(stand_in, capsys):
    stand_in(ConfigError("the thing is wrong\nanother too"))
    assert cli.main(["run", "--preset", "sample", "--work-dir", "w"]) == cli.USAGE
    assert capsys.readouterr().err == "frostline: error: the thing is wrong\nanother too\n"


def test_interrupt_ends_with_the_exit_code_of_a_shell(stand_in):
    stand_in(KeyboardInterrupt())
    assert cli.main(["run", "--preset", "sample", "--work-dir", "w"]) == cli.INTERRUPTED
