"""Requests joined to batches, with the semantics of TF Serving's BatchingParameters."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np

from pipeline.serving.answers import Code, ServingError, invalid, timed_out
from pipeline.serving.servable import Arrays, Servable
from pipeline.serving.settings import Batching

_MICROSECONDS = 1e-6

Key: TypeAlias = tuple[int, tuple[str, ...], tuple[tuple[str, str, tuple[int, ...]], ...]]


class Runner(Protocol):
    """Runs a graph, now or together with others."""

    def run(
        self, servable: Servable, feeds: Arrays, fetches: Sequence[str], *, deadline: float
    ) -> list[np.ndarray]:
        """Tensor name -> value, to the fetched tensors' values; deadline as `time.monotonic`."""
        ...

    def close(self) -> None:
        """Run nothing more."""
        ...


class DirectRunner:
    """Runs each request by itself, a number of them at once."""

    def __init__(self, *, runs: int) -> None:
        self._free = threading.BoundedSemaphore(runs)

    def run(
        self, servable: Servable, feeds: Arrays, fetches: Sequence[str], *, deadline: float
    ) -> list[np.ndarray]:
        """As `Runner.run`."""
        if not self._free.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise timed_out()
        try:
            return servable.run(feeds, fetches, timeout_ms=_left_ms(deadline))
        finally:
            self._free.release()

    def close(self) -> None:
        """As `Runner.close`."""


@dataclass(frozen=True)
class _Task:
    feeds: Arrays
    size: int
    deadline: float
    result: "Future[list[np.ndarray]]" = field(default_factory=Future)


@dataclass
class _Batch:
    servable: Servable
    fetches: Sequence[str]
    opened: float
    tasks: list[_Task] = field(default_factory=list)
    size: int = 0


class BatchingRunner:
    """Joins requests along the first dimension, runs them as one, and splits the outputs.

    Requests are joined that fetch the same of the same version, with inputs that differ in
    the first dimension only. When a batch fails, its requests are run one by one: a broken
    image takes no neighbour down.
    """

    def __init__(self, settings: Batching) -> None:
        self._settings = settings
        self._queues: dict[Key, deque[_Batch]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(settings.threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(
        self, servable: Servable, feeds: Arrays, fetches: Sequence[str], *, deadline: float
    ) -> list[np.ndarray]:
        """As `Runner.run`; also raises where the request is too large, or the queue is full."""
        task = _Task(feeds, _size(feeds), deadline)
        if task.size > self._settings.max_batch_size:
            raise invalid(
                f"Task size {task.size} is larger than maximum input batch size "
                f"{self._settings.max_batch_size}"
            )
        with self._changed:
            self._enqueue(servable, fetches, task)
            self._changed.notify()
        try:
            return task.result.result(timeout=max(deadline - time.monotonic(), 0))
        except TimeoutError:
            raise timed_out() from None

    def _enqueue(self, servable: Servable, fetches: Sequence[str], task: _Task) -> None:
        queue = self._queues.setdefault(_key(servable, fetches, task.feeds), deque())
        if not queue or queue[-1].size + task.size > self._settings.max_batch_size:
            if len(queue) >= self._settings.max_enqueued_batches:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full",
                )
            queue.append(_Batch(servable, fetches, opened=time.monotonic()))
        queue[-1].tasks.append(task)
        queue[-1].size += task.size

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
                while batch is None and not self._closed:
                    self._changed.wait(self._wait_seconds())
                    batch = self._next()
            if batch is None:
                return
            _answer(batch)

    def _next(self) -> _Batch | None:
        """The batch that is due and has waited longest, taken off its queue."""
        due = [(queue[0].opened, key) for key, queue in self._queues.items() if self._is_due(queue)]
        if not due:
            return None
        _, key = min(due, key=lambda one: one[0])
        batch = self._queues[key].popleft()
        if not self._queues[key]:
            del self._queues[key]
        return batch

    def _is_due(self, queue: deque[_Batch]) -> bool:
        first = queue[0]
        waited = time.monotonic() - first.opened
        return (
            self._closed
            or len(queue) > 1
            or first.size >= self._settings.max_batch_size
            or waited >= self._settings.batch_timeout_micros * _MICROSECONDS
        )

    def _wait_seconds(self) -> float | None:
        opened = [queue[0].opened for queue in self._queues.values()]
        if not opened:
            return None
        timeout = self._settings.batch_timeout_micros * _MICROSECONDS
        return max(min(opened) + timeout - time.monotonic(), 0)

    def close(self) -> None:
        """Run what waits, and nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()


def _size(feeds: Arrays) -> int:
    if any(array.ndim == 0 for array in feeds.values()):
        raise invalid("Batching session Run() input tensors must have at least one dimension")
    sizes = [len(array) for array in feeds.values()]
    if any(one != other for one, other in pairwise(sizes)):
        raise invalid("Batching session Run() input tensors must have equal 0th-dimension size")
    return sizes[0]


def _key(servable: Servable, fetches: Sequence[str], feeds: Arrays) -> Key:
    inputs = tuple((name, str(feeds[name].dtype), feeds[name].shape[1:]) for name in sorted(feeds))
    return id(servable), tuple(fetches), inputs


def _answer(batch: _Batch) -> None:
    tasks = [task for task in batch.tasks if task.deadline > time.monotonic()]
    try:
        for task, outputs in zip(tasks, _joined(batch, tasks), strict=True):
            task.result.set_result(outputs)
    except ServingError as error:
        if len(tasks) == 1:
            tasks[0].result.set_exception(error)
            return
        for task in tasks:
            _answer(_Batch(batch.servable, batch.fetches, batch.opened, [task], task.size))
    except Exception as error:  # Whatever it is, those who wait must hear of it.
        for task in tasks:
            task.result.set_exception(error)


def _joined(batch: _Batch, tasks: Sequence[_Task]) -> list[list[np.ndarray]]:
    if not tasks:
        return []
    names = list(tasks[0].feeds)
    feeds = {name: np.concatenate([task.feeds[name] for task in tasks]) for name in names}
    timeout_ms = max(_left_ms(task.deadline) for task in tasks)
    outputs = batch.servable.run(feeds, batch.fetches, timeout_ms=timeout_ms)
    total = sum(task.size for task in tasks)
    for output in outputs:
        if output.ndim == 0 or len(output) != total:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                "dimension sizes of the input tensors",
            )
    ends = np.cumsum([task.size for task in tasks])[:-1]
    parts = [np.split(output, ends) for output in outputs]
    return [list(part) for part in zip(*parts, strict=True)]


def _left_ms(deadline: float) -> int:
    return int((deadline - time.monotonic()) * 1000)
