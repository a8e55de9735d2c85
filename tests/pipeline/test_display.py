"""What a person sees of a run, in a pipe and on a terminal."""

import fcntl
import io
import logging
import os
import pty
import re
import struct
import termios
import threading

import pytest

from pipeline.display import LiveDisplay, PlainDisplay, ProgressHandler, choose
from trainer import progress
from trainer.progress import Progress


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pass_seconds(self, seconds):
        self.now += seconds


class Terminal:
    """A pseudo terminal; what is written to `stream` can be read as `screen()`."""

    def __init__(self, columns, rows):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while chunk := os.read(self._master, 65536):
                self._seen += chunk
        except OSError:
            return  # The other end was closed.

    def screen(self):
        self.stream.close()
        self._reader.join(timeout=5)
        os.close(self._master)
        return self._seen.decode()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pipe():
    return io.StringIO()


@pytest.fixture
def plain(pipe, clock):
    display = PlainDisplay(pipe, clock=clock)
    display.start(["Reader", "Trainer"])
    return display


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal(columns=80, rows=24)


def test_step_is_one_line_when_it_ends(plain, pipe, clock):
    plain.step_started("Reader")
    plain.progress(Progress(3000, 3000, "images"))
    clock.pass_seconds(9.5)
    plain.step_finished("Reader", "ran")
    plain.step_started("Trainer")
    clock.pass_seconds(125)
    plain.step_finished("Trainer", "failed")
    assert pipe.getvalue().splitlines() == [
        "[1/2] Reader: ran · 9.5 s · 3,000 images",
        "[2/2] Trainer: failed · 2:05",
    ]


def test_step_that_never_started_says_so_without_a_time(plain, pipe):
    plain.step_finished("Trainer", "skipped")
    assert pipe.getvalue() == "[2/2] Trainer: skipped\n"


def test_progress_is_told_every_ten_seconds_with_rate_and_time_left(plain, pipe, clock):
    plain.step_started("Reader")
    for done in range(0, 3001, 100):
        plain.progress(Progress(done, 4000, "images"))
        clock.pass_seconds(1)
    assert pipe.getvalue().splitlines() == [
        "[1/2] Reader: 1,000/4,000 images · 100/s · 0:30 left",
        "[1/2] Reader: 2,000/4,000 images · 100/s · 0:20 left",
        "[1/2] Reader: 3,000/4,000 images · 100/s · 0:10 left",
    ]


def test_remark_is_shown_with_the_progress_and_stays_when_the_step_ends(plain, pipe, clock):
    plain.step_started("Trainer")
    plain.progress(Progress(0, 30, "epochs", "epoch 1/30"))
    clock.pass_seconds(12)
    plain.progress(Progress(1, 30, "epochs", "epoch 2/30 · accuracy 0.981"))
    plain.step_finished("Trainer", "ran")
    assert pipe.getvalue().splitlines() == [
        "[2/2] Trainer: epoch 2/30 · accuracy 0.981 · 1/30 epochs · 0.08/s · 5:48 left",
        "[2/2] Trainer: ran · 12.0 s · epoch 2/30 · accuracy 0.981",
    ]


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(Progress(0, 20, "images"), id="another unit"),
        pytest.param(Progress(0, 10, "steps"), id="another total"),
        pytest.param(Progress(15, 20, "steps"), id="a count that starts again"),
    ],
)
def test_rate_starts_anew_with_another_stretch_of_work(plain, pipe, clock, earlier):
    plain.step_started("Trainer")
    plain.progress(earlier)
    clock.pass_seconds(5)
    plain.progress(Progress(0, 20, "steps"))
    clock.pass_seconds(5)
    plain.progress(Progress(10, 20, "steps"))
    assert pipe.getvalue() == "[2/2] Trainer: 10/20 steps · 2.0/s · 0:05 left\n"


def test_unknown_total_shows_a_count_and_a_rate(plain, pipe, clock):
    plain.step_started("Reader")
    plain.progress(Progress(0, None, "images"))
    clock.pass_seconds(10)
    plain.progress(Progress(1500, None, "images"))
    assert pipe.getvalue() == "[1/2] Reader: 1,500 images · 150/s\n"


def test_progress_between_steps_is_not_pinned_on_any(plain, pipe, clock):
    clock.pass_seconds(60)
    plain.progress(Progress(1, 2, "files"))
    assert not pipe.getvalue()


def test_note_is_a_line_of_its_own(plain, pipe):
    plain.note("the base has random weights")
    assert pipe.getvalue() == "! the base has random weights\n"


def test_log_records_that_carry_progress_reach_the_display(plain, pipe, clock):
    handler = ProgressHandler(plain)
    progress.LOGGER.addHandler(handler)
    level = progress.LOGGER.level
    progress.LOGGER.setLevel(logging.INFO)
    try:
        plain.step_started("Reader")
        clock.pass_seconds(10)
        progress.report(Progress(5, 10, "images"))
        progress.LOGGER.info("no progress in this one")
    finally:
        progress.LOGGER.removeHandler(handler)
        progress.LOGGER.setLevel(level)
    assert pipe.getvalue() == "[1/2] Reader: 5/10 images\n"


def test_progress_may_come_from_many_threads(plain, pipe, clock):
    plain.step_started("Reader")
    clock.pass_seconds(1000)
    threads = [
        threading.Thread(
            target=lambda: [plain.progress(Progress(n, None, "images")) for n in range(200)]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plain.step_finished("Reader", "ran")
    assert pipe.getvalue().splitlines()[-1].startswith("[1/2] Reader: ran · 16:40")


def test_pipe_gets_plain_lines_and_terminal_a_table(pipe, terminal, monkeypatch):
    assert isinstance(choose(pipe), PlainDisplay)
    assert isinstance(choose(terminal.stream), LiveDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose(terminal.stream), PlainDisplay)
    terminal.screen()


def run_on(stream, clock):
    display = LiveDisplay(stream, clock=clock)
    display.start(["Reader", "Checker", "Trainer", "Pusher"])
    display.step_started("Reader")
    display.progress(Progress(0, 3000, "images"))
    clock.pass_seconds(4)
    display.progress(Progress(1240, 3000, "images"))
    display.step_started("Checker")
    display.note("a [loud] note")
    display.step_finished("Checker", "cached")
    display.step_finished("Reader", "ran")
    display.step_finished("Pusher", "skipped")
    display.close()
    display.close()


def test_table_shows_every_step_with_its_state_and_count(terminal, clock):
    run_on(terminal.stream, clock)
    screen = terminal.screen()
    assert "1,240/3,000 images · 310/s · 0:06 left" in screen
    assert "a [loud] note" in screen
    last = screen[screen.rindex("Reader") - 20 :]
    assert "1,240 images" in last
    assert "4.0 s" in last
    assert last.index("cached") < last.index("Trainer") < last.index("skipped")


def test_table_fits_eighty_columns(terminal, clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")  # The stream's own size counts.
    display = LiveDisplay(terminal.stream, clock=clock)
    display.start(["Trainer"])
    display.step_started("Trainer")
    display.progress(Progress(1, 2, "images", "accuracy 0.981 · " * 20))
    display.step_finished("Trainer", "ran")
    display.close()
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.screen()))
    assert max(map(len, lines)) == 80


def test_no_color_is_honoured(terminal, clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    run_on(terminal.stream, clock)
    screen = terminal.screen()
    assert "\x1b[32m" not in screen
    assert "✓" in screen


def test_color_is_used_on_a_terminal(terminal, clock):
    run_on(terminal.stream, clock)
    assert "\x1b[32m" in terminal.screen()
