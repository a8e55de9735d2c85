"""What TensorFlow sees of this machine, told by a process of its own.

Importing TensorFlow takes seconds, writes to the terminal, and ends the process where the CPU
lacks an instruction that it was built with: nothing that should happen to who only asks.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Literal

_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Devices:
    """TensorFlow's version, and what it would compute on."""

    version: str
    kind: Literal["cpu", "gpu", "tpu"]
    names: list[str]


class ProbeError(Exception):
    """TensorFlow could not be asked; the message says why."""


def ask() -> Devices:
    """Ask TensorFlow in a new process.

    Raises:
      ProbeError: it cannot be imported, or does not answer.
    """
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        answer = subprocess.run(
            # -P: a folder here that happens to be called `pipeline` is not ours.
            [sys.executable, "-P", "-m", __name__],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            env=quiet,
            check=True,
        )
        return Devices(**json.loads(answer.stdout.strip().rpartition("\n")[2]))
    except subprocess.TimeoutExpired:
        raise ProbeError(f"no answer within {_TIMEOUT_SECONDS:g} seconds") from None
    except subprocess.CalledProcessError as error:
        told = [] if error.returncode < 0 else error.stderr.strip().splitlines()
        raise ProbeError(told[-1] if told else str(error)) from None
    except (ValueError, TypeError) as error:
        raise ProbeError(f"its answer cannot be read: {error}") from None


def _tell() -> None:
    import tensorflow as tf

    from trainer import processor

    devices = tf.config.list_physical_devices()
    details = [tf.config.experimental.get_device_details(device) for device in devices]
    names = [
        detail.get("device_name", device.name.removeprefix("/physical_device:"))
        for device, detail in zip(devices, details, strict=True)
    ]
    told = Devices(tf.__version__, processor.found().kind, names)
    sys.stdout.write(f"\n{json.dumps(asdict(told))}\n")


if __name__ == "__main__":
    _tell()
