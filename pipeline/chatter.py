"""Where the chatter of TFX, TensorFlow and Beam goes while a run shows something better."""

import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import absl.logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


_LINE_BYTES = 1000  # Longer than nearly all.
_SHOWN = 200  # Characters of a line.


class _Copy(logging.StreamHandler):
    """What `logged` leaves where it is."""


class _Screen(io.TextIOWrapper):
    """What a person reads. Where the reader has gone (`| head`), it goes on in silence."""

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            super().flush()


@contextmanager
def diverted(log: Path) -> Iterator[TextIO]:
    """Send everything written to standard output and error to a log file, native code's too.

    Yields:
      a stream to the standard output as it was, for what a person should see.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with log.open("ab") as file, _Screen(os.fdopen(os.dup(1), "wb"), encoding="utf-8") as person:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield person
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for original, descriptor in zip(kept, (1, 2), strict=True):
                os.dup2(original, descriptor)
                os.close(original)


@contextmanager
def logged(handlers: Mapping[str, logging.Handler]) -> Iterator[None]:
    """Log everything at INFO to standard error, and give some loggers a handler of their own.

    Args:
      handlers: logger name -> handler; such a logger's records reach it, at INFO and above.
    """
    everything = logging.StreamHandler(sys.stderr)
    everything.setFormatter(logging.Formatter(_FORMAT))
    loggers = {logging.getLogger(name): handler for name, handler in handlers.items()}
    root = logging.getLogger()
    loggers[root] = everything
    # Libraries give the root logger handlers of their own: each line would be written again.
    others = [each for each in root.handlers if not isinstance(each, _Copy)]
    levels = {logger: logger.level for logger in loggers}
    # TensorFlow sets absl's level back to what absl itself was told, not to the logger's.
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.INFO)
    for handler in others:
        root.removeHandler(handler)
    for logger, handler in loggers.items():
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        absl.logging.set_verbosity(verbosity)
        for logger, handler in loggers.items():
            logger.removeHandler(handler)
            logger.setLevel(levels[logger])
        for handler in others:
            root.addHandler(handler)


@contextmanager
def copied(stream: TextIO) -> Iterator[None]:
    """Show a person, too, what is logged inside `logged`."""
    copy = _Copy(stream)
    copy.setFormatter(logging.Formatter(_FORMAT))
    logging.getLogger().addHandler(copy)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(copy)


def last_lines(log: Path, *, count: int) -> list[str]:
    """The last lines of a log that say something, long ones cut; none where it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - count * _LINE_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…" for line in lines[-count:]]
