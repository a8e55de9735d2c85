"""TensorFlow's strategy for several workers, and what is said where one is gone or differs."""

import faulthandler
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from trainer import workers
from trainer.errors import WorkerError
from trainer.workers import Workers

HEARTBEAT_SECONDS = 20
"""A worker that is not heard of for so long is given up, and with it the training."""
_START_SECONDS = 120
_STDERR = 2
# What TensorFlow says of a worker that is gone, whichever operation noticed.
_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
_PROTOS: Any = coordination_config_pb2


def strategy(listed: Workers) -> tf.distribute.Strategy:
    """Meet the other workers, and start TensorFlow's servers.

    It must come before TensorFlow's first operation in this process.

    Raises:
      ConfigError: this worker's port is taken.
      WorkerError: another worker did not come.
    """
    if len(listed) > 1:
        _watch(listed)
        listed.meet()
    # Between the meeting and the start a worker can still die, and TensorFlow would hang, deaf to
    # signals. This alone ends it, with exit code 1.
    faulthandler.dump_traceback_later(_START_SECONDS, exit=True, file=_STDERR)
    try:
        with telling_who_is_gone(listed):
            return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        faulthandler.cancel_dump_traceback_later()


def _watch(listed: Workers) -> None:
    """Let TensorFlow's coordination service give up workers sooner than by itself."""
    roles = [name.partition(" ")[0] for name in listed.names]
    # TensorFlow has no public name for it.
    inner: Any = context.context()
    inner.configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{roles[0]}/replica:0/task:0",
        cluster_register_timeout_in_ms=_START_SECONDS * 1000,
        heartbeat_timeout_in_ms=HEARTBEAT_SECONDS * 1000,
        shutdown_barrier_timeout_in_ms=0,
        coordinated_jobs=[
            _PROTOS.CoordinatedJob(name=role, num_tasks=roles.count(role))
            for role in sorted(set(roles))
        ],
    )


@contextmanager
def telling_who_is_gone(listed: Workers | None) -> Iterator[None]:
    """Raise a WorkerError, one sentence, in place of TensorFlow's pages."""
    try:
        yield
    except _GONE as error:
        if listed is None or len(listed) == 1:
            raise
        told = re.search(r"/job:(\w+)/(?:replica:0/)?task:(\d+)", error.message or "")
        name = " ".join(told.groups()) if told else ""
        who = listed.described(listed.names.index(name)) if name in listed.names else "a worker"
        raise WorkerError(
            f"{who} stopped while {listed.described(listed.place)} trained with it; look at its "
            "log. Start all workers again: training goes on after the last epoch that was written"
        ) from error


def check_agreement(strategy: tf.distribute.Strategy, **facts: str | int) -> None:
    """Refuse to train with workers that know other facts, before they wait for each other.

    Raises:
      WorkerError: naming what differs.
    """
    listed = workers.found()
    if strategy.num_replicas_in_sync == 1 or listed is None:
        return
    for name, value in facts.items():
        number = tf.constant([zlib.crc32(str(value).encode())], tf.int64)
        known = strategy.gather(strategy.run(lambda number=number: number), axis=0).numpy()
        if len(set(known.tolist())) > 1:
            raise WorkerError(
                f"the workers do not agree on {name.replace('_', ' ')}; "
                f"{listed.described(listed.place)} has {value}. All must read the same folders: "
                "mount the same volume at the same place in each"
            )
