"""What a person sees while a pipeline runs: a live table, or plain lines where there is none.

Steps run one after another; progress belongs to the one that runs. Every method may be called
from any thread.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import IO, Literal, Protocol

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.board import Board, Clock, Step, duration, joined
from pipeline.steps import StepState
from trainer.progress import Progress

PLAIN_INTERVAL_SECONDS = 10.0
Detail = Literal["quiet", "normal", "verbose"]
"""How much a person wants to see; `verbose` shows the log, too."""
_MARKS: dict[StepState, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "ran": ("✓", "green"),
    "cached": ("=", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("-", "yellow"),
}


class Display(Protocol):
    """What a run tells a person."""

    def start(self, steps: Sequence[str]) -> None:
        """Show the steps, in the order in which they will run."""
        ...

    def step_started(self, name: str) -> None:
        """Show that a step runs now."""
        ...

    def progress(self, progress: Progress) -> None:
        """Show how far the running step has come."""
        ...

    def step_finished(self, name: str, state: StepState) -> None:
        """Show how a step ended, whether or not it had started."""
        ...

    def note(self, text: str) -> None:
        """Show a line that nobody should miss; it stays."""
        ...

    def close(self) -> None:
        """Leave the last state on the screen, and the terminal as it was. May be repeated."""
        ...


def choose(stream: IO[str], detail: Detail = "normal") -> Display:
    """A live table on a terminal, plain lines into anything else and between lines of a log."""
    if detail == "quiet":
        return QuietDisplay(stream)
    if detail == "verbose":
        return PlainDisplay(stream)
    is_live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return LiveDisplay(stream) if is_live else PlainDisplay(stream)


class ProgressHandler(logging.Handler):
    """Shows the records that carry a `Progress` (see `trainer.progress`)."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record's progress on, if it has one."""
        progress = getattr(record, "progress", None)
        if isinstance(progress, Progress):
            self._display.progress(progress)


class QuietDisplay:
    """Nothing but what nobody should miss."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def start(self, steps: Sequence[str]) -> None: ...

    def step_started(self, name: str) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def step_finished(self, name: str, state: StepState) -> None: ...

    def note(self, text: str) -> None:
        self._stream.write(f"! {text}\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class PlainDisplay:
    """A line when a step ends, and now and then one while it runs."""

    def __init__(self, stream: IO[str], *, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._board = Board(clock)
        self._spoke_at = clock()

    def start(self, steps: Sequence[str]) -> None:
        self._board.announce(steps)

    def step_started(self, name: str) -> None:
        self._board.begin(name)
        self._spoke_at = self._clock()

    def progress(self, progress: Progress) -> None:
        step = self._board.advance(progress)
        if step is None or step.pace is None:
            return
        if self._clock() - self._spoke_at < PLAIN_INTERVAL_SECONDS:
            return
        self._say(step, joined(step.remark, step.pace.text()))

    def step_finished(self, name: str, state: StepState) -> None:
        step = self._board.end(name, state)
        took = "" if step.seconds is None else duration(step.seconds)
        self._say(step, joined(state, took, step.outcome()))

    def note(self, text: str) -> None:
        self._write(f"! {text}")

    def close(self) -> None:
        self._stream.flush()

    def _say(self, step: Step, text: str) -> None:
        self._write(f"[{self._board.place(step.name)}] {step.name}: {text}")

    def _write(self, line: str) -> None:
        self._spoke_at = self._clock()
        self._stream.write(line + "\n")
        self._stream.flush()


class LiveDisplay:
    """A table of all steps that is drawn anew while they run."""

    def __init__(self, stream: IO[str], *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._board = Board(clock)
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=_StreamConsole(file=stream, highlight=False),
            get_renderable=self._table,
            refresh_per_second=5,
            # What else the process prints goes to a log file: it must stay there.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self, steps: Sequence[str]) -> None:
        self._board.announce(steps)
        self._live.start(refresh=True)

    def step_started(self, name: str) -> None:
        self._board.begin(name)
        self._live.refresh()

    def progress(self, progress: Progress) -> None:
        self._board.advance(progress)

    def step_finished(self, name: str, state: StepState) -> None:
        self._board.end(name, state)
        self._live.refresh()

    def note(self, text: str) -> None:
        self._live.console.print(Text(f"! {text}", style="bold yellow"))

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        now = self._clock()
        for step in self._board.steps():
            table.add_row(self._mark(step), Text(step.name), _detail(step), step.spent(now))
        return table

    def _mark(self, step: Step) -> RenderableType:
        if step.state == "running":
            return self._spinner
        mark, style = _MARKS[step.state]
        return Text(mark, style=style)


class _StreamConsole(Console):
    """A console that asks its own stream for the size: the standard ones may be a log file."""

    @property
    def size(self) -> ConsoleDimensions:
        try:
            return ConsoleDimensions(*os.get_terminal_size(self.file.fileno()))
        except (OSError, ValueError):
            return super().size


def _detail(step: Step) -> Text:
    if step.state != "running":
        return Text(step.outcome(), style="dim")
    lines = [step.pace.text(), step.remark] if step.pace else []
    return Text("\n".join(line for line in lines if line))
