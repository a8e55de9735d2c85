"""The stand-in's life: it loads, listens, looks for new versions, and stops when it is told to."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import chatter
from pipeline.serving.settings import LOOPBACK, ServerSettings, WatchedModel
from trainer.errors import ConfigError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Listening:
    """Where the server can be reached."""

    host: str
    rest_port: int
    grpc_port: int

    @property
    def url(self) -> str:
        """The REST interface, as a client on this machine writes it."""
        host = {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(self.host, _bracketed(self.host))
        return f"http://{host}:{self.rest_port}"


def run(
    *,
    models: Sequence[WatchedModel],
    settings: ServerSettings,
    say: Say,
    announce: Callable[[Listening], None],
) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is pending and return.

    Args:
      models: what is served first.
      settings: where and how.
      say: tells a person what happens, a line each.
      announce: called once, when the server listens.

    Raises:
      ConfigError: a port is taken, or a model cannot be loaded.
    """
    host = settings.host or LOOPBACK
    # Held before the long loading, so that a port that is taken is told at once.
    with _socket(host, settings.rest_port) as rest_socket:
        say("TensorFlow is loading ...")
        with _silence():
            service, metrics = _service(settings)
            from pipeline.serving.answers import ServingError

            try:
                service.watch(models)
            except ServingError as error:
                raise ConfigError(f"--model-dir: {error.message}") from None
        _Server(settings, host, service, metrics).run(rest_socket, announce)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what TensorFlow's native code says of the machine when it is loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with chatter.diverted(Path(os.devnull)):
        yield


def _service(settings: ServerSettings) -> Any:
    import tensorflow  # noqa: F401, here it is slow and silent

    from pipeline.serving.batching import BatchingRunner, DirectRunner
    from pipeline.serving.metrics import Metrics
    from pipeline.serving.service import Service

    metrics = Metrics()
    runner = (
        BatchingRunner(settings.batching)
        if settings.batching
        else DirectRunner(runs=settings.bounds.runs)
    )
    return Service(runner=runner, metrics=metrics), metrics


class _Server:
    def __init__(self, settings: ServerSettings, host: str, service: Any, metrics: Any) -> None:
        from pipeline.serving.admission import Admission
        from pipeline.serving.rest import RestApi

        self._settings = settings
        self._host = host
        self._service = service
        self._metrics = metrics
        self._admission = Admission(settings.bounds)
        self._rest = RestApi(
            service=service, admission=self._admission, metrics=metrics, bounds=settings.bounds
        )

    def run(self, rest_socket: socket.socket, announce: Callable[[Listening], None]) -> None:
        asyncio.run(self._main(rest_socket, announce))

    async def _main(
        self, rest_socket: socket.socket, announce: Callable[[Listening], None]
    ) -> None:
        stop = _stop_signal()
        rest_runner = await self._start_rest(rest_socket)
        grpc_server, grpc_port = await self._start_grpc()
        poller = _Poller(self._service.poll, seconds=self._settings.poll_seconds)
        announce(Listening(self._host, rest_socket.getsockname()[1], grpc_port))
        await stop.wait()
        self._rest.refuse()
        poller.stop()
        grace = self._settings.bounds.grace_seconds
        await asyncio.gather(rest_runner.cleanup(), grpc_server.stop(grace))
        self._admission.close()
        await asyncio.to_thread(self._service.close)

    async def _start_rest(self, rest_socket: socket.socket) -> Any:
        from aiohttp import web

        runner = web.AppRunner(
            self._rest.application(),
            access_log=None,
            shutdown_timeout=self._settings.bounds.grace_seconds,
        )
        await runner.setup()
        await web.SockSite(runner, rest_socket).start()
        return runner

    async def _start_grpc(self) -> tuple[Any, int]:
        import grpc

        from pipeline.serving import rpc

        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._settings.bounds.request_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # Else a second server would share the port.
            ]
        )
        rpc.register(
            server, service=self._service, admission=self._admission, metrics=self._metrics
        )
        address = f"{_bracketed(self._host)}:{self._settings.grpc_port}"
        try:
            port = server.add_insecure_port(address)
        except RuntimeError:
            raise ConfigError(
                _cannot_listen("--grpc-port", address, "taken or not yours")
            ) from None
        await server.start()
        return server, port


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT. The second SIGINT interrupts as usual."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
    return stop


class _Poller:
    """Looks for new versions again and again, in a thread of its own."""

    def __init__(self, poll: Callable[[], None], *, seconds: float) -> None:
        self._poll = poll
        self._seconds = seconds
        self._stopped = threading.Event()
        threading.Thread(target=self._work, name="poller", daemon=True).start()

    def _work(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._poll()

    def stop(self) -> None:
        self._stopped.set()


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        errno = getattr(error, "errno", None)
        reason = os.strerror(errno) if errno and errno > 0 else str(error)
        address = f"{_bracketed(host)}:{port}"
        raise ConfigError(_cannot_listen("--rest-port", address, reason)) from None


def _cannot_listen(option: str, address: str, reason: str) -> str:
    return (
        f"the server cannot listen on {address} ({reason}): choose another {option}, or 0 for "
        "any that is free"
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
