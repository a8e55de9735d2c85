"""However a run ends, it leaves a summary and the right exit code."""

import errno
import json
import logging
import os
import signal

import pytest

from pipeline import chatter, local
from pipeline.config import Config
from trainer.errors import ConfigError, WorkDirError

CONFIG = Config.model_validate({"model": {"weights": "random"}})


@pytest.fixture
def run(make_images, tmp_path, monkeypatch):
    """Runs with a stand-in for the steps, which take minutes; answers exit code and summary."""
    data = make_images(tmp_path / "data", count=2)

    def with_steps(steps, **options):
        monkeypatch.setattr(local, "_execute", steps)
        exit_code = local.run(
            config=CONFIG,
            data=str(data),
            span=None,
            work_dir=tmp_path / "w",
            preset="default",
            command=["frostline", "run"],
            **options,
        )
        return exit_code, json.loads((tmp_path / "w" / "latest" / "summary.json").read_text())

    return with_steps


def failing(error):
    def steps(place, request, screen, attempt):
        attempt.failed_step = "Trainer"
        raise error

    return steps


@pytest.mark.parametrize(
    ("error", "exit_code", "status", "said"),
    [
        (ValueError("a bug"), 1, "failed", "a bug"),
        (ConfigError("no such layer"), 2, "failed", "no such layer"),
        (KeyboardInterrupt(), 130, "interrupted", "KeyboardInterrupt"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 2, "failed", "has no space left"),
        (RuntimeError("sqlite: database or disk is full"), 2, "failed", "has no space left"),
    ],
)
def test_failure_is_summed_up(run, error, exit_code, status, said):
    answer, summary = run(failing(error))
    assert answer == summary["exit_code"] == exit_code
    assert summary["status"] == status
    assert summary["error"]["step"] == "Trainer"
    assert said in summary["error"]["message"]


def test_unexpected_error_is_told_in_a_line_and_logged_in_full(run, capfd, caplog):
    run(failing(ValueError("a bug")))
    shown = capfd.readouterr()
    assert "FAILED in Trainer" in shown.out
    assert "Traceback" not in shown.out + shown.err
    assert "ValueError: a bug" in caplog.text


def noisy(place, request, screen, attempt):
    """A step that fails after it has said much to the log."""
    for number in range(20):
        os.write(2, f"line {number}\n".encode())
    screen.note("the weights are odd")
    screen.step_finished("Transform", "ran")
    attempt.failed_step = "Trainer"
    raise ValueError("a bug")


def test_failed_step_shows_the_last_lines_of_its_log_and_the_next_command(run, capfd):
    run(noisy)
    said = capfd.readouterr().out
    assert "run.log, which ends with\n           | line 12\n" in said
    assert "           | line 19\n  next     once that is mended" in said
    assert said.endswith("           frostline run\n")
    assert "line 11" not in said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ConfigError("no such layer")])
def test_run_that_says_itself_what_is_wrong_shows_no_log(run, capfd, error):
    def steps(place, request, screen, attempt):
        os.write(2, b"line 1\n")
        attempt.failed_step = "Trainer"
        raise error

    run(steps)
    assert "line 1" not in capfd.readouterr().out


def test_quiet_run_tells_warnings_and_how_it_ended(run, capfd):
    run(noisy, detail="quiet")
    said = capfd.readouterr().out
    assert said.startswith("! the weights are odd\n\nFAILED in Trainer after")
    assert "Transform" not in said


def test_verbose_run_shows_the_log_as_it_is_written(run, capfd):
    def steps(place, request, screen, attempt):
        with chatter.logged({}):
            logging.getLogger("tfx").info("a cached execution is used")
        raise KeyboardInterrupt

    run(steps, detail="verbose")
    assert "INFO tfx: a cached execution is used\n" in capfd.readouterr().out
    run(steps)
    assert "a cached execution" not in capfd.readouterr().out


def test_failed_run_has_a_report(run, tmp_path, capfd):
    run(failing(ValueError("a <bug>")))
    page = (tmp_path / "w" / "latest" / "report.html").read_text()
    assert "The run failed in Trainer: a &lt;bug&gt;" in page
    assert "latest/report.html\n" in capfd.readouterr().out


def test_report_that_cannot_be_drawn_changes_nothing_else(run, monkeypatch, capfd, caplog):
    def break_down(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr("pipeline.report.page.write", break_down)
    exit_code, summary = run(failing(ValueError("a bug")))
    assert exit_code == summary["exit_code"] == 1
    assert "no ink" in caplog.text
    assert "report.html" not in capfd.readouterr().out


def test_full_disk_is_told_whatever_complains_last(run):
    def steps(place, request, screen, attempt):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise RuntimeError("the failure could not be noted")  # noqa: B904

    exit_code, summary = run(steps)
    assert (exit_code, summary["error"]["type"]) == (2, "WorkDirError")


def test_summary_that_finds_no_room_is_told(run, monkeypatch):
    def write(folder, result):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local.summary, "write", write)
    with pytest.raises(WorkDirError, match="has no space left: make room"):
        run(failing(ValueError("a bug")))


def test_sigterm_interrupts_a_run(run):
    def steps(place, request, screen, attempt):
        os.kill(os.getpid(), signal.SIGTERM)
        logging.getLogger(__name__).info("a signal is noticed between two instructions")

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        exit_code, summary = run(steps)
        assert (exit_code, summary["status"]) == (130, "interrupted")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_summary_of_an_early_failure_tells_what_was_asked_for(run):
    _, summary = run(failing(ConfigError("no such layer")))
    assert summary["command"] == ["frostline", "run"]
    assert summary["data"]["path"].endswith("data")
    assert summary["config"]["model"]["weights"] == "random"
    assert summary["model"] == {"weights": "random", "weights_sha256": None, "untrained": True}
    assert (summary["steps"], summary["gates"], summary["pushed"]) == ([], [], None)


def test_each_run_has_a_folder_and_latest_leads_to_the_last(run):
    first, second = run(failing(ValueError("1")))[1], run(failing(ValueError("2")))[1]
    assert first["run_id"] != second["run_id"]
    assert second["error"]["message"] == "2"
