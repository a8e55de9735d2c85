"""A probe in a process of its own, watched: it may crash, hang or swell, and harms no one."""

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from components import probe_job, serving_container, serving_probe
from components.probe_job import Job, Probed

_TICK_SECONDS = 0.05
_MEGABYTE = 1_000_000
# -P: what lies in the current folder is not this code.
_COMMAND = [sys.executable, "-P", "-m", "components.serving_probe"]
# How the lines begin that absl and Python print when a process is aborted.
_TRACE = ("@ ", "*** ", "PC: ", "<no Python frame>", "File ", "Thread ", "Current thread ", "Ext")
_ROOT = Path(__file__).parents[1]


def run(job: Job, *, deadline_seconds: float, max_bytes: float, log: Path) -> Probed:
    """Run a probe to its end, whatever that is.

    Args:
      job: what it is to do.
      deadline_seconds: when it is stopped.
      max_bytes: at how much memory it is stopped.
      log: gets what it writes to standard error.
    """
    if job.image:
        job = replace(job, container=f"frostline-serving-gate-{secrets.token_hex(8)}")
    with log.open("wb") as errors, _started(job, errors) as process:
        watched = _Watch(process, deadline_seconds, max_bytes)
        watched.until_done()
    return Probed(probe_job.figures(watched.figures), watched.death(log))


@contextmanager
def _started(job: Job, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, in a group of its own that does not outlive the block."""
    process = subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        env=_environ(),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError):  # It has ended already, and the log says why.
            process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        yield process
    finally:
        _kill(process)
        if job.container:
            serving_container.remove(job.container)
        process.stdin.close()
        process.stdout.close()


def _environ() -> dict[str, str]:
    """This very code, and no GPU taken whole: the process above may hold a part of it."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # It has gone by itself, and left nothing.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Watch:
    """What a process tells, and why it was stopped if it was."""

    def __init__(
        self, process: subprocess.Popen[bytes], deadline_seconds: float, max_bytes: float
    ) -> None:
        self.figures: dict[str, Any] = {}
        self._process = process
        self._deadline_seconds = deadline_seconds
        self._max_bytes = max_bytes
        self._doing = "started"
        self._pid = process.pid
        self._is_done = False
        self._stopped = ""

    def until_done(self) -> None:
        """Listen until the process ends, or must be ended."""
        deadline = time.monotonic() + self._deadline_seconds
        assert self._process.stdout is not None
        lines = _lines(self._process.stdout)
        while not self._is_done and not self._stopped:
            line = next(lines, None)
            if line is None:
                self._process.wait()
                return
            if line:
                self._take(json.loads(line))
            self._stopped = self._too_much(time.monotonic() > deadline)

    def death(self, log: Path) -> str:
        """Why it did not come to its end, in a sentence; empty if it did."""
        if self._is_done:
            return ""
        if self._stopped:
            return f"The process {self._stopped} while it {self._doing}, and was stopped."
        end = _ended(self._process.returncode)
        return f"The process {end} while it {self._doing}: {_last_words(log)}"

    def _take(self, told: dict[str, Any]) -> None:
        self._doing = told.pop("doing", self._doing)
        self._pid = told.pop("pid", self._pid)
        self._is_done = told.pop("done", False)
        self.figures |= told

    def _too_much(self, is_late: bool) -> str:
        if is_late:
            seconds = f"{self._deadline_seconds:g} s (serving_gate.deadline_seconds)"
            return f"was still at it after {seconds}"
        try:
            held = serving_probe.memory_bytes(self._pid, "VmHWM")
        except (OSError, StopIteration):  # It has just ended.
            return ""
        self.figures["peak_bytes"] = max(held, self.figures.get("peak_bytes") or 0)
        if held <= self._max_bytes:
            return ""
        megabytes = f"{self._max_bytes / _MEGABYTE:g} MB (serving_gate.max_memory_megabytes)"
        return f"held more than {megabytes}"


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Whole lines as they come; an empty one now and then while none does."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK_SECONDS):
                yield b""
                continue
            content = os.read(stream.fileno(), 1 << 16)
            if not content:
                return
            *whole, rest = (rest + content).split(b"\n")
            yield from whole


def _last_words(log: Path) -> str:
    """The last line of a log that is no part of a native stack trace."""
    said = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    words = [line for line in said if line and not line.startswith(_TRACE)]
    return words[-1] if words else "it wrote nothing to standard error."


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
