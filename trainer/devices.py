"""Where training runs: the distribution strategy, chosen by config or found."""

import os
import socket
from collections.abc import Mapping

import tensorflow as tf

from trainer import multi_worker, workers
from trainer.errors import ConfigError

_ANSWER_SECONDS = 5.0


def choose_strategy(
    setting: str, *, environ: Mapping[str, str] = os.environ
) -> tf.distribute.Strategy:
    """The strategy that `train.strategy` asks for.

    `auto` takes several workers where TF_CONFIG names them, a TPU where TPU_NAME or a local
    one is there, all GPUs where there are several, else one device.

    Raises:
      ConfigError: the devices that the setting needs are not there.
      WorkerError: another worker did not come.
    """
    name = _found(environ) if setting == "auto" else setting
    match name:
        case "multi_worker":
            return multi_worker.strategy(_listed(environ))
        case "tpu":
            return _tpu_strategy(environ)
        case "mirrored":
            return tf.distribute.MirroredStrategy(_devices())
        case _:
            return tf.distribute.OneDeviceStrategy(_devices()[0])


def _found(environ: Mapping[str, str]) -> str:
    if len(workers.found(environ) or ()) > 1:
        return "multi_worker"
    if environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one_device"


def _devices() -> list[str]:
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _listed(environ: Mapping[str, str]) -> workers.Workers:
    if listed := workers.found(environ):
        return listed
    raise ConfigError(
        f'train.strategy = "multi_worker" needs the environment variable {workers.VARIABLE} to '
        f'list the workers: {workers.EXAMPLE}; on one machine use "auto"'
    )


def _tpu_strategy(environ: Mapping[str, str]) -> tf.distribute.Strategy:
    name = environ.get("TPU_NAME") or "local"
    try:
        _refuse_silence(name)
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu=name)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f'train.strategy = "tpu" found no TPU named {name!r} ({reason}); set TPU_NAME to one '
            'that can be reached, or use train.strategy = "auto"'
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _refuse_silence(name: str) -> None:
    """Raise OSError where nobody answers at `grpc://host:port`: TensorFlow waits for ever."""
    scheme, _, address = name.rpartition("://")
    host, _, port = address.rpartition(":")
    if scheme == "grpc":
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
