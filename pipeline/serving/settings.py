"""What a server is told: where it listens, what it watches, and what it bears."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class VersionPolicy:
    """Which of the versions in a folder are served: the latest ones, some, or all.

    Args:
      latest: how many of the highest numbers.
      specific: exactly these, if any are named.
      everything: all there are.
    """

    latest: int = 1
    specific: frozenset[int] = frozenset()
    everything: bool = False

    def wanted(self, found: Iterable[int]) -> set[int]:
        """The versions to serve, of those that were found."""
        if self.everything:
            return set(found)
        if self.specific:
            return set(found) & self.specific
        return set(sorted(found)[-max(self.latest, 1) :])


@dataclass(frozen=True, kw_only=True)
class WatchedModel:
    """A model's name, the folder of its versions, and names for some of the versions."""

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Batching:
    """TF Serving's BatchingParameters, with its defaults.

    Args:
      max_batch_size: rows in a batch at most; a larger request is refused.
      batch_timeout_micros: how long a batch waits to be filled, microseconds.
      max_enqueued_batches: batches that wait; then requests are refused.
      threads: batches that run at once.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a server bears before it refuses.

    Args:
      request_bytes: the size of one request.
      pending_bytes: the sizes of all requests that are being read or answered, together.
      pending_requests: requests that wait or run.
      runs: graphs that run at once, where requests are not batched.
      timeout_ms: how long a REST request may take, milliseconds.
      grace_seconds: how long the server waits for its last requests when it is stopped.
    """

    request_bytes: int = 32 * MEBIBYTE
    pending_bytes: int = 128 * MEBIBYTE
    pending_requests: int = 64
    runs: int = field(default_factory=lambda: os.cpu_count() or 1)
    timeout_ms: int = 30_000
    grace_seconds: float = 30.0


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where a server listens, how often it looks for versions, and its bounds.

    Args:
      host: the address; None for the loopback, where the server can be told so.
      rest_port: 0 for any that is free.
      grpc_port: 0 for any that is free.
      poll_seconds: between two looks for new versions.
      batching: None to run each request by itself.
    """

    host: str | None = None
    rest_port: int = 8501
    grpc_port: int = 8500
    poll_seconds: float = 1.0
    bounds: Bounds = Bounds()
    batching: Batching | None = None
