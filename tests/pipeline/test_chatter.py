"""What libraries write goes to the log, natively too; a person sees what is meant for them."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import absl.logging
import pytest

from pipeline import chatter

OPEN_DESCRIPTORS = Path("/proc/self/fd")


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def test_standard_streams_go_to_the_log_and_words_for_a_person_do_not(tmp_path, capfd):
    log = tmp_path / "run.log"
    with chatter.diverted(log) as person:
        os.write(1, b"native out\n")
        os.write(2, b"native err\n")
        person.write("for a person\n")
    assert capfd.readouterr() == ("for a person\n", "")
    assert log.read_bytes() == b"native out\nnative err\n"


def test_streams_are_as_before_afterwards(tmp_path, capfd):
    with chatter.diverted(tmp_path / "run.log"):
        pass
    os.write(1, b"out")
    os.write(2, b"err")
    assert capfd.readouterr() == ("out", "err")


def test_streams_come_back_after_an_error(tmp_path, capfd):
    with pytest.raises(ValueError, match="wrong"), chatter.diverted(tmp_path / "run.log"):
        raise ValueError("wrong")
    os.write(1, b"out")
    assert capfd.readouterr().out == "out"


def test_log_is_added_to(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("before\n")
    with chatter.diverted(log):
        os.write(1, b"after\n")
    assert log.read_text() == "before\nafter\n"


@pytest.mark.skipif(not OPEN_DESCRIPTORS.is_dir(), reason="needs Linux' list of descriptors")
def test_no_descriptor_stays_open(tmp_path):
    before = len(list(OPEN_DESCRIPTORS.iterdir()))
    with chatter.diverted(tmp_path / "run.log"):
        pass
    assert len(list(OPEN_DESCRIPTORS.iterdir())) == before


def test_named_loggers_reach_their_handlers_and_all_is_logged(capsys):
    kept = Kept()
    with chatter.logged({"frostline.test": kept}):
        logging.getLogger("frostline.test").info("%d images", 3)
        logging.getLogger("another").info("something else")
    assert kept.messages == ["3 images"]
    written = capsys.readouterr().err
    assert "INFO frostline.test: 3 images" in written
    assert "INFO another: something else" in written


def test_absl_is_heard_at_info(capsys):
    with chatter.logged({"absl": (kept := Kept())}):
        absl.logging.info("Component %s is running.", "Trainer")
    assert kept.messages == ["Component Trainer is running."]


def test_line_is_logged_once(capsys):
    """absl and Beam put handlers of their own on the root logger."""
    other = logging.StreamHandler(sys.stderr)
    root = logging.getLogger()
    root.addHandler(other)
    try:
        with chatter.logged({}):
            logging.getLogger("another").info("once")
    finally:
        assert other in root.handlers
        root.removeHandler(other)
    assert capsys.readouterr().err.count("once") == 1


def test_loggers_are_as_before_afterwards(monkeypatch):
    root, logger = logging.getLogger(), logging.getLogger("frostline.test")
    monkeypatch.setattr(logger, "level", logging.ERROR)
    monkeypatch.setattr(root, "level", logging.ERROR)
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    before = list(root.handlers)
    try:
        with chatter.logged({"frostline.test": Kept()}):
            assert root.handlers != before
            assert logger.level == root.level == logging.INFO
        assert root.handlers == before
        assert logger.level == root.level == logging.ERROR
        assert absl.logging.get_verbosity() == absl.logging.ERROR
        assert not logger.handlers
    finally:
        absl.logging.set_verbosity(verbosity)


def test_reader_that_has_gone_does_not_stop_the_work(tmp_path):
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pipeline import chatter\n"
        f"with chatter.diverted(Path({str(tmp_path / 'log')!r})) as person:\n"
        "    person.write('first\\n')\n"
        "    person.flush()\n"
        "    time.sleep(1)\n"
        "    for _ in range(3):\n"
        "        person.write('more\\n')\n"
        "        person.flush()\n"
        f"    Path({str(tmp_path / 'done')!r}).touch()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"first\n"
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert (tmp_path / "done").exists()


def test_last_lines_of_a_log_are_those_that_say_something(tmp_path):
    log = tmp_path / "run.log"
    assert chatter.last_lines(log, count=2) == []
    log.write_bytes(b"first\n" * 5000 + "before \nlast \u00e4\n\n  \n".encode() + b"\xff\n")
    assert chatter.last_lines(log, count=3) == ["before", "last \u00e4", "\ufffd"]
    log.write_text("x" * 500)
    assert chatter.last_lines(log, count=1) == ["x" * 200 + "…"]
