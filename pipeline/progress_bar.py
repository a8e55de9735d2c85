"""Progress of one long piece of work: a bar on a terminal, now and then a line elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from pipeline.board import Clock, Pace
from pipeline.display import PLAIN_INTERVAL_SECONDS
from trainer.progress import Progress


class Advance(Protocol):
    """Tells that so many more are done; from any thread."""

    def __call__(self, count: int = 1) -> None: ...


@contextmanager
def shown(
    stream: IO[str],
    *,
    total: int | None,
    unit: str,
    waiting: str,
    clock: Clock = time.monotonic,
) -> Iterator[Advance]:
    """Show progress on a stream; a bar is gone in the end.

    Args:
      total: how many there are; None where nobody knows.
      unit: what they are, as in `images`.
      waiting: what is going on before the first one.

    Yields:
      what to call after each one, or after some.
    """
    counter = _Counter(total, unit, clock)
    if not stream.isatty():
        yield _lines(stream, counter, clock)
        return
    columns = (BarColumn(bar_width=None), TextColumn("{task.fields[pace]}"))
    with Bar(*columns, console=Console(file=stream), transient=True, expand=True) as bar:
        task = bar.add_task("", total=total, pace=waiting)

        def advance(count: int = 1) -> None:
            bar.update(task, advance=count, pace=counter.advance(count))

        yield advance


class _Counter:
    """Counts, and measures the pace from the first one on: what came before was no work on it."""

    def __init__(self, total: int | None, unit: str, clock: Clock) -> None:
        self._last = Progress(0, total, unit)
        self._pace: Pace | None = None
        self._clock = clock
        self._lock = threading.Lock()

    def advance(self, count: int) -> str:
        """Count some more, and say how far it has come."""
        with self._lock:
            self._last, now = replace(self._last, done=self._last.done + count), self._clock()
            pace = self._pace or Pace(self._last, now, self._last, now)
            self._pace = pace.after(self._last, now)
            return self._pace.text()


def _lines(stream: IO[str], counter: _Counter, clock: Clock) -> Advance:
    spoke_at = clock()

    def advance(count: int = 1) -> None:
        nonlocal spoke_at
        text = counter.advance(count)
        if clock() - spoke_at >= PLAIN_INTERVAL_SECONDS:
            spoke_at = clock()
            stream.write(text + "\n")
            stream.flush()

    return advance
