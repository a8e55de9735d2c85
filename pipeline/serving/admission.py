"""Who is let in: a bound on the requests that wait, and on the memory that they hold."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from pipeline.serving.answers import Code, ServingError, timed_out
from pipeline.serving.settings import Bounds

Reply = TypeVar("Reply")

_LOGGER = logging.getLogger(__name__)


class Admission:
    """Lets requests in up to the bounds, and runs them in threads.

    All but the work itself belongs to the event loop, so nothing here is locked.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._requests = 0
        self._bytes = 0
        self._threads = ThreadPoolExecutor(bounds.pending_requests, thread_name_prefix="request")

    def admitted(self) -> "Slot":
        """Let one more request in.

        Raises:
          ServingError: too many are pending.
        """
        if self._requests >= self._bounds.pending_requests:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"{self._requests} requests are pending already: try again later",
            )
        self._requests += 1
        return Slot(self)

    def take(self, count: int) -> None:
        """Hold memory for a request.

        Raises:
          ServingError: there is no more.
        """
        if self._bytes + count > self._bounds.pending_bytes:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"pending requests hold {self._bytes} bytes already: try again later",
            )
        self._bytes += count

    def give_back(self, held: int) -> None:
        """A request is done with its place and its memory."""
        self._requests -= 1
        self._bytes -= held

    def submit(self, work: Callable[[], Reply]) -> "Future[Reply]":
        """Run in a thread."""
        return self._threads.submit(work)

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Slot:
    """The place of one request. It is given back once, when all that was started has ended."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0
        self._is_running = False

    def take(self, count: int) -> None:
        """Hold memory; see `Admission.take`."""
        self._admission.take(count)
        self._held += count

    async def answer(self, work: Callable[[], Reply], *, seconds: float | None) -> Reply:
        """Run the work in a thread and wait for it.

        The place stays taken until the thread is done, even if nobody waits any more.

        Raises:
          ServingError: it takes too long, or what the work raises.
        """
        loop = asyncio.get_running_loop()
        future = self._admission.submit(work)
        self._is_running = True
        future.add_done_callback(lambda _: _call(loop, self._give_back))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise timed_out() from None
        except ServingError:
            raise
        except Exception as error:
            _LOGGER.exception("A request failed in a way that it should not")
            raise ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}") from error

    def release(self) -> None:
        """Nothing more will be started."""
        if not self._is_running:
            self._give_back()

    def _give_back(self) -> None:
        self._admission.give_back(self._held)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # The server has stopped, and its loop with it.
        loop.call_soon_threadsafe(function)
