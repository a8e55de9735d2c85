"""The workers that train together, as TF_CONFIG lists them, and how each waits for the others.

TensorFlow itself waits for ever for a worker that never comes, and cannot be interrupted
meanwhile; so the workers meet here first.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from trainer.errors import ConfigError, WorkerError

VARIABLE = "TF_CONFIG"
ROLES = ("chief", "worker")
JOIN_SECONDS = 600.0
"""All workers must come within so many seconds: a node may have to start and to pull an image."""
_BETWEEN_TRIES_SECONDS = 0.5
_HINT = (
    'for example as {"cluster": {"worker": ["host:2222", "other:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
EXAMPLE = f"write it {_HINT}"


@dataclass(frozen=True)
class Workers:
    """The workers of a training, and which of them this process is.

    addresses: `host:port` of each, the chief first
    names: as in `worker 1`, in the same order
    place: of this process among them
    """

    addresses: tuple[str, ...]
    names: tuple[str, ...]
    place: int

    def __len__(self) -> int:
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what comes of the training."""
        return self.place == 0

    def described(self, place: int) -> str:
        """A worker by name and address."""
        return f"{self.names[place]} ({self.addresses[place]})"

    def meet(self, *, seconds: float = JOIN_SECONDS) -> None:
        """Wait until each worker has come.

        Each listens at its own address until it has reached all others there. Who was reached
        starts TensorFlow's server at that same address, which answers the rest.

        Raises:
          ConfigError: nobody can listen at this worker's own port.
          WorkerError: some worker did not come in time.
        """
        missing = set(range(len(self))) - {self.place}
        deadline = time.monotonic() + seconds
        with closing(self._listening()):
            while missing := {place for place in missing if not self._answers(place)}:
                if time.monotonic() > deadline:
                    absent = ", ".join(self.described(place) for place in sorted(missing))
                    raise WorkerError(
                        f"{absent} did not answer {self.described(self.place)} within "
                        f"{seconds:.0f} seconds; look at its log, and whether {VARIABLE} is the "
                        "same everywhere but for `task`"
                    )
                time.sleep(_BETWEEN_TRIES_SECONDS)

    def _listening(self) -> socket.socket:
        port = _port(self.addresses[self.place])
        try:
            if socket.has_dualstack_ipv6():
                return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
            return socket.create_server(("", port))
        except OSError as error:
            raise ConfigError(
                f"{self.described(self.place)}, as {VARIABLE} calls this process, cannot listen "
                f"at port {port} ({os.strerror(error.errno or 0)}); give it a free one there"
            ) from error

    def _answers(self, place: int) -> bool:
        host, _, port = self.addresses[place].rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
        except OSError:  # Its name may be unknown until its pod runs.
            return False
        return True


def found(environ: Mapping[str, str] = os.environ) -> Workers | None:
    """The workers that TF_CONFIG lists; None where it is not set.

    Raises:
      ConfigError: it lists no workers, or does not say which of them this is.
    """
    text = environ.get(VARIABLE)
    if not text:
        return None
    try:
        return _parsed(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(
            f"the environment variable {VARIABLE} is {text!r}, which lists no workers that could "
            f"train together ({reason}); unset it, or {EXAMPLE}"
        ) from error


def _parsed(config: Any) -> Workers:
    cluster, task = config["cluster"], config["task"]
    if others := set(cluster) - set(ROLES):
        raise ValueError(f"the role {min(others)!r} is none of {', '.join(ROLES)}")
    tasks = [
        (role, index, address)
        for role in ROLES
        for index, address in enumerate(_addresses(cluster.get(role, [])))
    ]
    if len(cluster.get("chief", [])) > 1:
        raise ValueError("there is more than one chief")
    where = [(role, index) for role, index, _ in tasks]
    this = task["type"], int(task["index"])
    if this not in where:
        raise ValueError(f"task is {this[0]} {this[1]}, which is not in cluster")
    return Workers(
        addresses=tuple(address for _, _, address in tasks),
        names=tuple(f"{role} {index}" for role, index in where),
        place=where.index(this),
    )


def _addresses(listed: Any) -> list[str]:
    if not isinstance(listed, list):
        raise ValueError(f"{listed!r} is no list of addresses")
    for address in listed:
        _port(address)
    return listed


def _port(address: str) -> int:
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{address!r} is not host:port")
    return int(port)
