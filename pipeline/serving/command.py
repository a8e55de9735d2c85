"""`frostline serve`: which server it becomes, and what it says."""

import argparse
import os
import sys

import components.model_server
from pipeline.serving import model_server, server
from pipeline.serving.model_folders import watched_models
from pipeline.serving.server import Listening
from pipeline.serving.settings import Batching, Bounds, ServerSettings
from trainer.errors import ConfigError


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal stops it. Becomes TF Serving where that is installed.

    Raises:
      ConfigError: no model, a port that is taken, or options that don't go together.
    """
    settings = settings_from(options)
    models = watched_models(options.model_dir, name=options.model_name, labels=dict(options.labels))
    program = None if options.stand_in else components.model_server.found()
    if program and settings.host in {None, *model_server.EVERY_ADDRESS}:
        _say(f"{program} serves, on every address of this machine; --stand-in keeps to one")
        words = model_server.command(program, models=models, settings=settings)
        os.execv(program, words)
    if program:
        _say(f"{program} listens on every address, so the stand-in serves on {settings.host}")
    names = [model.name for model in models]
    server.run(
        models=models,
        settings=settings,
        say=_say,
        announce=lambda listening: _announce(listening, names),
    )
    _say("stopped")
    return 0


def settings_from(options: argparse.Namespace) -> ServerSettings:
    """The settings that the options mean.

    Raises:
      ConfigError: both interfaces on one port.
    """
    if options.rest_port == options.grpc_port != 0:
        raise ConfigError(
            f"--rest-port {options.rest_port} is --grpc-port, too: choose another for one of them"
        )
    bounds = Bounds(
        request_bytes=options.max_request_bytes,
        pending_bytes=max(4 * options.max_request_bytes, Bounds.pending_bytes),
        pending_requests=options.max_pending,
        timeout_ms=options.timeout_ms,
    )
    batching = Batching(
        max_batch_size=options.max_batch_size,
        batch_timeout_micros=options.batch_timeout_micros,
        max_enqueued_batches=options.max_enqueued_batches,
    )
    return ServerSettings(
        host=options.host,
        rest_port=options.rest_port,
        grpc_port=options.grpc_port,
        poll_seconds=options.poll_seconds,
        bounds=bounds,
        batching=batching if options.enable_batching else None,
    )


def _announce(listening: Listening, names: list[str]) -> None:
    _say("a stand-in for TF Serving: for development, not for production")
    for name in names:
        _say(f"REST  {listening.url}/v1/models/{name}")
    _say(f"gRPC  {listening.host}:{listening.grpc_port}")
    _say(
        f"try   curl -s {listening.url}/v1/models/{names[0]}:predict "
        '-d "{\\"instances\\": [{\\"b64\\": \\"$(base64 -w0 IMAGE.jpg)\\"}]}"'
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
