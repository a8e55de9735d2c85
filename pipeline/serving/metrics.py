"""Counts and latencies, under TF Serving's names and in its text format for Prometheus."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.serving.answers import Code

PATH = "/monitoring/prometheus/metrics"

# As `Buckets::Exponential(10, 1.8, 33)` and `(1, 2, 15)`; the last bucket is open.
_LATENCY_LIMITS = tuple(10 * 1.8**power for power in range(33))
_COUNT_LIMITS = tuple(2.0**power for power in range(15))

Labels = tuple[tuple[str, str], ...]


@dataclass
class _Histogram:
    limits: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.limits) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.limits, value)] += 1
        self.total += value


class Metrics:
    """What a server has done so far. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, int]] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {}

    def request(self, *, model: str, api: str, entrypoint: str, code: Code, seconds: float) -> None:
        """Note an answered request; its latency, if it was served."""
        self._count("request_count", {"model_name": model, "status": code.name})
        if code is Code.OK:
            labels = {"model_name": model, "API": api, "entrypoint": entrypoint}
            self._observe("request_latency", labels, seconds * 1e6, _LATENCY_LIMITS)

    def run(self, *, model: str, api: str, seconds: float) -> None:
        """Note how long TensorFlow took."""
        labels = {"model_name": model, "API": api, "runtime": "TF1"}
        self._observe("runtime_latency", labels, seconds * 1e6, _LATENCY_LIMITS)

    def examples(self, *, model: str, count: int) -> None:
        """Note how many examples a request had."""
        self._count("request_example_count_total", {"model": model}, count)
        self._observe("request_example_counts", {"model": model}, count, _COUNT_LIMITS)

    def warmup(self, *, path: str, code: Code, seconds: float) -> None:
        """Note how long the warm-up of a version took."""
        labels = {"model_path": path, "status": code.name}
        self._observe("model_warmup_latency", labels, seconds * 1e6, _LATENCY_LIMITS)

    def _count(self, name: str, labels: Mapping[str, str], count: int = 1) -> None:
        with self._lock:
            points = self._counters.setdefault(name, {})
            key = tuple(labels.items())
            points[key] = points.get(key, 0) + count

    def _observe(
        self, name: str, labels: Mapping[str, str], value: float, limits: Sequence[float]
    ) -> None:
        with self._lock:
            points = self._histograms.setdefault(name, {})
            points.setdefault(tuple(labels.items()), _Histogram(limits)).add(value)

    def page(self) -> str:
        """Everything, as Prometheus reads it."""
        with self._lock:
            lines = [*self._counter_lines(), *self._histogram_lines()]
        return "\n".join(lines) + "\n"

    def _counter_lines(self) -> Iterator[str]:
        for name, points in sorted(self._counters.items()):
            yield f"# TYPE {_full(name)} counter"
            for labels, count in points.items():
                yield f"{_full(name)}{{{_written(labels)}}} {count}"

    def _histogram_lines(self) -> Iterator[str]:
        for name, points in sorted(self._histograms.items()):
            yield f"# TYPE {_full(name)} histogram"
            for labels, histogram in points.items():
                yield from _point_lines(_full(name), _written(labels), histogram)


def _point_lines(name: str, labels: str, histogram: _Histogram) -> Iterator[str]:
    so_far = 0
    limits = [f"{limit:g}" for limit in histogram.limits]
    for limit, count in zip([*limits, "+Inf"], histogram.counts, strict=True):
        so_far += count
        yield f'{name}_bucket{{{labels},le="{limit}"}} {so_far}'
    yield f"{name}_sum{{{labels}}} {histogram.total:g}"
    yield f"{name}_count{{{labels}}} {so_far}"


def _full(name: str) -> str:
    return f":tensorflow:serving:{name}"


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
