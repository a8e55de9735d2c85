"""Progress of one long piece of work."""

import io

from pipeline import progress_bar


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def lines(seconds_each, *, count, total: int | None = 100, wait=0.0):
    clock, stream = Clock(), io.StringIO()
    bar = progress_bar.shown(stream, total=total, unit="files", waiting="waiting", clock=clock)
    with bar as advance:
        clock.now += wait
        for _ in range(count):
            clock.now += seconds_each
            advance()
    return stream.getvalue().splitlines()


def test_short_work_says_nothing_in_a_log():
    assert lines(0.05, count=100) == []


def test_long_work_says_a_line_every_ten_seconds():
    assert lines(1, count=25) == [
        "10/100 files · 1.0/s · 1:30 left",
        "20/100 files · 1.0/s · 1:20 left",
    ]


def test_what_came_before_the_first_does_not_slow_the_pace():
    assert lines(1, count=11, wait=60) == ["1/100 files", "11/100 files · 1.0/s · 1:29 left"]


def test_a_number_that_nobody_knows_is_left_out():
    assert lines(1, count=10, total=None) == ["10 files · 1.0/s"]


def test_several_at_once_count_as_so_many():
    clock, stream = Clock(), io.StringIO()
    with progress_bar.shown(
        stream, total=100, unit="files", waiting="waiting", clock=clock
    ) as advance:
        for _ in range(2):
            clock.now += 10
            advance(20)
    assert stream.getvalue().splitlines() == [
        "20/100 files",
        "40/100 files · 2.0/s · 0:30 left",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_that_is_gone_in_the_end(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    bar = progress_bar.shown(stream, total=2, unit="files", waiting="loading")
    with bar as advance:
        started = stream.getvalue()
        advance()
        advance()
    assert "loading" in started
    assert "2/2 files" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")
