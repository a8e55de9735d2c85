"""How requests are joined to batches, with a graph that only halves."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.serving.answers import Code, ServingError
from pipeline.serving.batching import BatchingRunner, DirectRunner
from pipeline.serving.settings import Batching

SOON = 20.0


class Halving:
    """Halves `x`; refuses a batch with a negative number, and waits for its gate."""

    def __init__(self):
        self.sizes = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def run(self, feeds, fetches, *, timeout_ms=None):
        self.started.set()
        assert self.gate.wait(SOON)
        (x,) = feeds.values()
        self.sizes.append(len(x))
        if (x < 0).any():
            raise ServingError(Code.INVALID_ARGUMENT, "negative")
        return [x / 2, x.sum()] if "total" in fetches else [x / 2 for _ in fetches]


@pytest.fixture
def graph():
    return Halving()


@pytest.fixture
def make_runner():
    runners = []

    def make(**options):
        runners.append(BatchingRunner(Batching(**{"threads": 1, **options})))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()


def halved(runner, graph, values, *, fetches=("y",), seconds=SOON):
    feeds = {"x": np.array(values, dtype=np.float32)}
    return runner.run(graph, feeds, fetches, deadline=time.monotonic() + seconds)[0].tolist()


def all_at_once(graph, calls):
    """Make calls while the graph is busy with another one, so that they all wait together."""
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        time.sleep(0.2)
        graph.gate.set()
        return [future.exception() or future.result() for future in futures]


@pytest.fixture
def busy(graph):
    """Makes the graph wait; what comes in the meantime is joined."""

    def make(runner):
        graph.gate.clear()
        first = threading.Thread(target=halved, args=(runner, graph, [0]))
        first.start()
        assert graph.started.wait(SOON)

    return make


def test_waiting_requests_are_joined_and_answered_each_with_its_rows(graph, make_runner, busy):
    runner = make_runner()
    busy(runner)
    answers = all_at_once(
        graph,
        [
            lambda: halved(runner, graph, [2, 4]),
            lambda: halved(runner, graph, [6]),
            lambda: halved(runner, graph, [8, 10, 12]),
        ],
    )
    assert answers == [[1, 2], [3], [4, 5, 6]]
    assert graph.sizes == [1, 6]


def test_batch_is_no_larger_than_its_bound(graph, make_runner, busy):
    runner = make_runner(max_batch_size=3)
    busy(runner)
    answers = all_at_once(graph, [lambda: halved(runner, graph, [2, 4]) for _ in range(3)])
    assert answers == [[1, 2]] * 3
    assert graph.sizes == [1, 2, 2, 2]


def test_broken_request_takes_no_other_down(graph, make_runner, busy):
    runner = make_runner()
    busy(runner)
    values = ([2], [-1], [4])
    answers = all_at_once(graph, [lambda v=v: halved(runner, graph, v) for v in values])
    assert [answers[0], answers[2]] == [[1], [2]]
    assert isinstance(answers[1], ServingError)
    assert graph.sizes == [1, 3, 1, 1, 1]


def test_requests_for_other_outputs_or_shapes_are_not_joined(graph, make_runner, busy):
    runner = make_runner()
    busy(runner)
    all_at_once(
        graph,
        [
            lambda: halved(runner, graph, [2]),
            lambda: halved(runner, graph, [2], fetches=("z",)),
            lambda: halved(runner, graph, [[2, 2]]),
        ],
    )
    assert graph.sizes == [1, 1, 1, 1]


def test_batch_waits_to_be_filled_but_not_longer_than_it_may(graph, make_runner):
    runner = make_runner(batch_timeout_micros=300_000, max_batch_size=2)
    start = time.monotonic()
    assert halved(runner, graph, [2]) == [1]
    assert time.monotonic() - start >= 0.3
    with ThreadPoolExecutor(2) as pool:
        start = time.monotonic()
        assert list(pool.map(lambda v: halved(runner, graph, [v]), [2, 4])) == [[1], [2]]
    assert graph.sizes == [1, 2]


def test_request_larger_than_a_batch_is_refused(graph, make_runner):
    with pytest.raises(ServingError) as error:
        halved(make_runner(max_batch_size=2), graph, [1, 2, 3])
    assert (error.value.code, error.value.message) == (
        Code.INVALID_ARGUMENT,
        "Task size 3 is larger than maximum input batch size 2",
    )


def test_full_queue_refuses_more(graph, make_runner, busy):
    runner = make_runner(max_batch_size=1, max_enqueued_batches=2)
    busy(runner)
    answers = all_at_once(graph, [lambda: halved(runner, graph, [2]) for _ in range(3)])
    refused = [answer for answer in answers if isinstance(answer, ServingError)]
    assert [(error.code, error.message) for error in refused] == [
        (
            Code.UNAVAILABLE,
            "The batch scheduling queue to which this task was submitted is full",
        )
    ]
    assert [answer for answer in answers if answer not in refused] == [[1], [1]]


def test_request_that_waits_too_long_is_told_and_not_run(graph, make_runner, busy):
    runner = make_runner()
    busy(runner)
    with pytest.raises(ServingError) as error:
        halved(runner, graph, [2], seconds=0.1)
    assert error.value.code is Code.DEADLINE_EXCEEDED
    graph.gate.set()
    assert halved(runner, graph, [4]) == [2]
    assert 2 not in graph.sizes


def test_scalar_and_uneven_inputs_cannot_be_batched(graph, make_runner):
    runner = make_runner()
    with pytest.raises(ServingError, match="must have at least one dimension"):
        halved(runner, graph, 1)
    feeds = {"x": np.zeros(2), "z": np.zeros(3)}
    with pytest.raises(ServingError, match="must have equal 0th-dimension size"):
        runner.run(graph, feeds, ["y"], deadline=time.monotonic() + SOON)


def test_output_without_a_row_for_each_input_is_refused(graph, make_runner):
    with pytest.raises(ServingError) as error:
        halved(make_runner(), graph, [2, 4], fetches=("y", "total"))
    assert error.value.code is Code.FAILED_PRECONDITION


def test_direct_runner_runs_no_more_than_it_may(graph):
    runner = DirectRunner(runs=1)
    graph.gate.clear()
    first = threading.Thread(target=halved, args=(runner, graph, [2]))
    first.start()
    assert graph.started.wait(SOON)
    with pytest.raises(ServingError) as error:
        halved(runner, graph, [2], seconds=0.1)
    assert error.value.code is Code.DEADLINE_EXCEEDED
    graph.gate.set()
    first.join()
    assert halved(runner, graph, [2]) == [1]
