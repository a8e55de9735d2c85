"""What `frostline serve` takes."""

import argparse
from pathlib import Path

from pipeline.commands import Commands, add_command
from pipeline.serving.settings import Batching, Bounds, ServerSettings

_EPILOG = """\
examples:
  frostline serve --model-dir runs/photos
  frostline serve --model-dir runs/photos/serving/frostline --rest-port 0 --grpc-port 0
  frostline serve --model-dir runs/photos --enable-batching --batch-timeout-micros 2000

Where tensorflow_model_server is on the PATH, it serves; otherwise a stand-in for development.
Both speak REST and gRPC, take up new versions, and stop gracefully on SIGTERM or Ctrl-C.
"""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    summary = "serve pushed models as TF Serving does, over REST and gRPC"
    serve = add_command(commands, "serve", summary, epilog=_EPILOG)
    serve.add_argument(
        "--model-dir",
        type=Path,
        metavar="DIR",
        required=True,
        help="a work directory, WORK_DIR/serving, or WORK_DIR/serving/NAME",
    )
    serve.add_argument("--model-name", metavar="NAME", help="serve this one, or call it this")
    serve.add_argument(
        "--label",
        dest="labels",
        type=_label,
        action="append",
        default=[],
        metavar="NAME=VERSION",
        help="a name for a version, as in stable=3; serves every version; can be given again",
    )
    serve.add_argument("--stand-in", action="store_true", help="never use tensorflow_model_server")
    _add_listening(serve)
    _add_bounds(serve)
    _add_batching(serve)


def _add_listening(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("where it listens")
    group.add_argument("--host", metavar="ADDRESS", help="default: 127.0.0.1, this machine alone")
    for option, default in (
        ("--rest-port", ServerSettings.rest_port),
        ("--grpc-port", ServerSettings.grpc_port),
    ):
        group.add_argument(
            option,
            type=_port,
            default=default,
            metavar="N",
            help=f"default: {default}; 0: any that is free",
        )


def _add_bounds(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("bounds")
    for option, default, text in (
        ("--max-request-bytes", Bounds.request_bytes, "the size of a request"),
        ("--max-pending", Bounds.pending_requests, "requests that wait or run; more are refused"),
        ("--timeout-ms", Bounds.timeout_ms, "how long a REST request may take, milliseconds"),
    ):
        group.add_argument(
            option, type=_positive, default=default, metavar="N", help=f"{text}; default: {default}"
        )
    group.add_argument(
        "--poll-seconds",
        type=_seconds,
        default=ServerSettings.poll_seconds,
        metavar="S",
        help="between two looks for new versions; default: 1",
    )


def _add_batching(serve: argparse.ArgumentParser) -> None:
    group = serve.add_argument_group("batching", "off unless --enable-batching is given")
    group.add_argument("--enable-batching", action="store_true", help="join requests to batches")
    for option, default, text in (
        ("--max-batch-size", Batching.max_batch_size, "rows in a batch at most"),
        ("--batch-timeout-micros", Batching.batch_timeout_micros, "how long a batch waits"),
        ("--max-enqueued-batches", Batching.max_enqueued_batches, "batches that wait at most"),
    ):
        group.add_argument(
            option,
            type=_whole if default == 0 else _positive,
            default=default,
            metavar="N",
            help=f"{text}; default: {default}",
        )


def _label(text: str) -> tuple[str, int]:
    name, _, version = text.partition("=")
    if not name or not version.isdecimal() or not version.isascii():
        raise argparse.ArgumentTypeError(f"should be NAME=VERSION, as in stable=3: {text}")
    return name, int(version)


def _port(text: str) -> int:
    number = _whole(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"should be a port, 0 to 65535: {text}")
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"should be a whole number from 0: {text}")
    return int(text)


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number from 1: {text}")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"should be seconds, 0.01 to 86400: {text}")
    return seconds
