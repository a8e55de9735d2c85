"""A fresh process that puts a SavedModel through its paces: `python -m components.serving_probe`.

Its standard input is a `Job` in one line of JSON; the end of the input is the end of the process.
What it does and finds goes to standard output, an object a line: `doing`, `pid`, then parts of
`Figures`, and `done` at last. It knows TensorFlow, and neither Keras nor TFX nor Beam.
"""

import base64
import json
import os
import signal
import statistics
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from components import probe_endpoints, serving_container
from components.probe_endpoints import Endpoint
from components.probe_job import Job
from trainer import features

_LEAST_REQUESTS, _MOST_REQUESTS = 3, 200
_ROUNDING = 1e-4
_OUTPUTS = {
    features.OUTPUT_LABEL,
    features.OUTPUT_SCORE,
    features.OUTPUT_SCORES,
    features.OUTPUT_CLASSES,
}


class Probe:
    """The stages of a probe, in the order in which they might end it."""

    def __init__(self, job: Job, endpoint: Endpoint, tell: "Teller") -> None:
        self._job = job
        self._endpoint = endpoint
        self._tell = tell
        self._fault = ""

    def run(self) -> None:
        """Go through all of them."""
        self._time_requests()
        self._score()
        self._try_large_photo()
        self._tell(fault=self._fault)
        self._try_malformed()

    def _time_requests(self) -> None:
        latency = {}
        for size in self._job.batches:
            self._tell(doing=f"answered {size} images at once")
            photos = [self._job.photos[n % len(self._job.photos)] for n in range(size)]
            latency[str(size)] = self._timed(_request(photos), size)
            self._tell(latency=latency)
        self._tell_memory()

    def _timed(self, body: bytes, size: int) -> dict[str, float]:
        # No request goes before these: the model's own warm-up is there for that.
        found: list[float] = []
        while len(found) < _LEAST_REQUESTS or (
            sum(found) < self._job.seconds_per_batch * 1000 and len(found) < _MOST_REQUESTS
        ):
            found.append(self._answered(body, size) * 1000)
        found.sort()
        slow = found[round(0.99 * (len(found) - 1))]
        return {"p50_ms": statistics.median(found), "p99_ms": slow, "requests": len(found)}

    def _answered(self, body: bytes, size: int) -> float:
        """Seconds of a request that is to be answered in full."""
        answer = self._endpoint.answer(body)
        self._fault = self._fault or fault(answer.reply, size)
        return answer.seconds

    def _score(self) -> None:
        """One image alone, then eight, then as many as go into the largest requests."""
        self._tell(doing="answered the images of the parity check")
        scores: list[dict[str, float]] = []
        for files in _in_batches(self._job.parity, self._job.batches):
            reply = self._endpoint.answer(_request(files)).reply
            self._fault = self._fault or fault(reply, len(files))
            if self._fault:
                return
            scores += [
                dict(zip(row[features.OUTPUT_CLASSES], row[features.OUTPUT_SCORES], strict=True))
                for row in reply["predictions"]
            ]
            self._tell(scores=scores)

    def _try_large_photo(self) -> None:
        if not self._job.large:
            return
        self._tell(doing="answered a large photo")
        milliseconds = self._answered(_request([self._job.large]), 1) * 1000
        self._tell(large_photo_ms=milliseconds)
        self._tell_memory()

    def _try_malformed(self) -> None:
        found = {}
        for name, file in self._job.malformed.items():
            self._tell(doing=f"was given bytes that are no image ({name})")
            found[name] = _outcome(self._endpoint.answer(_request([file])).reply)
            after = fault(self._endpoint.answer(_request(self._job.photos[:1])).reply, 1)
            if after and not self._fault:
                found[name] = f"{found[name]}; broken afterwards: {after}"
            self._tell(malformed=found)
        self._tell_memory()

    def _tell_memory(self) -> None:
        peak, resident = (memory_bytes(self._endpoint.pid, key) for key in ("VmHWM", "VmRSS"))
        self._tell(peak_bytes=peak, resident_bytes=resident)


class Teller:
    """Tells the process above, a line of JSON at a time."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, **told: Any) -> None:
        self._stream.write(json.dumps(told) + "\n")
        self._stream.flush()


def fault(reply: Any, size: int) -> str:
    """What is wrong with the reply to so many photos; empty if it keeps the contract."""
    if "error" in reply:
        return f"{size} photos were refused: {reply['error']}"
    rows = reply["predictions"]
    if len(rows) != size:
        return f"{size} photos had {len(rows)} answers"
    return next((problem for row in rows if (problem := _fault_of_row(row))), "")


def _fault_of_row(row: Any) -> str:
    missing = _OUTPUTS - row.keys() if isinstance(row, dict) else _OUTPUTS
    if missing:
        return f"an answer has no {', '.join(sorted(missing))}"
    if error := row.get(features.OUTPUT_ERROR):
        return f"a photo was refused: {error}"
    classes, scores = row[features.OUTPUT_CLASSES], row[features.OUTPUT_SCORES]
    of_class = dict(zip(classes, scores, strict=False))
    if not abs(sum(scores) - 1) < _ROUNDING:
        return f"scores add up to {sum(scores):g}, not to 1"
    if of_class.get(row[features.OUTPUT_LABEL]) != row[features.OUTPUT_SCORE]:
        return f"the score of label {row[features.OUTPUT_LABEL]!r} is not the one in scores"
    return ""


def _outcome(reply: Any) -> str:
    if "error" in reply:
        return f"refused: {_first_line(reply['error'])}"
    [row] = reply["predictions"]
    if row.get(features.OUTPUT_ERROR):
        return f"told: {_first_line(row[features.OUTPUT_ERROR])}"
    return f"answered: {row.get(features.OUTPUT_LABEL)}"


def _first_line(text: str) -> str:
    """Of what TensorFlow says, the line that is not about its graph."""
    lines = [line for line in text.splitlines() if line and line != "Graph execution error:"]
    return lines[0] if lines else ""


def memory_bytes(pid: int, key: str) -> int:
    """A line of a process' /proc/PID/status, `VmHWM` (the peak) or `VmRSS` (now)."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def _request(files: Sequence[str]) -> bytes:
    encoded = (base64.b64encode(Path(file).read_bytes()).decode() for file in files)
    return json.dumps({"instances": [{"b64": one} for one in encoded]}).encode()


def _in_batches(files: Sequence[str], sizes: Sequence[int]) -> list[Sequence[str]]:
    found, rest, sizes = [], list(files), list(sizes)
    while rest:
        size = sizes.pop(0) if sizes[1:] else sizes[0]
        found.append(rest[:size])
        rest = rest[size:]
    return found


def _end_with_input(job: Job) -> None:
    """No server is left behind, however the process above has ended."""
    # Not through `sys.stdin`: whoever waits in it when Python ends brings Python down.
    while os.read(0, 1):
        pass
    if job.container:
        serving_container.remove(job.container)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Probe what standard input asks for."""
    # Keras is not needed, and takes a second to import; TensorFlow does without.
    sys.modules["keras"] = None  # pyright: ignore[reportArgumentType]  so that it is not found
    tell = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # Whatever else is printed is no message.
    job = Job(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_input, args=(job,), daemon=True).start()
    tell(doing="loaded the model", engine=job.engine)
    with probe_endpoints.opened(job) as endpoint:
        tell(pid=endpoint.pid, load_seconds=endpoint.load_seconds)
        Probe(job, endpoint, tell).run()
    tell(done=True)


if __name__ == "__main__":
    main()
