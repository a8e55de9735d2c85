"""What the frozen base runs on, and what suits it: precision and batch size."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]

_CPU_BATCH = 32
_ACCELERATOR_BATCH = 128
_SMALLEST_ACCELERATOR_BATCH, _LARGEST_ACCELERATOR_BATCH = 8, 512
# What the base holds at once for each pixel of an image: its largest two maps, 64 and 32 channels
# at half the width and height, four bytes each, and as much again for what the convolutions need.
_BYTES_A_PIXEL = 256
_MEMORY_SHARE = 0.25


@dataclass(frozen=True)
class Processor:
    """A CPU, a GPU or a TPU.

    features: the CPU's instruction sets, as /proc/cpuinfo names them
    compute_capability: the GPU's, as in (8, 0)
    memory_bytes: the accelerator's own, where it tells
    """

    kind: Literal["cpu", "gpu", "tpu"]
    features: frozenset[str] = frozenset()
    compute_capability: tuple[int, int] = (0, 0)
    memory_bytes: int | None = None

    @property
    def precision(self) -> Precision:
        """The quickest precision that the processor computes in by itself, without emulation."""
        match self.kind:
            case "tpu":
                return "bfloat16"
            case "gpu" if self.compute_capability >= (8, 0):
                return "bfloat16"
            case "gpu" if self.compute_capability >= (7, 0):
                return "float16"
            case "cpu" if self.features & {"amx_bf16", "avx512_bf16"}:
                return "bfloat16"
        return "float32"

    def batch_size(self, image_size: int) -> int:
        """Images at once that keep the processor busy, and fit into its memory.

        More than 32 make no CPU faster. An accelerator takes the power of two that fills up to a
        quarter of its memory, from 8 to 512; 128 where it does not tell its memory.
        """
        if self.kind == "cpu":
            return _CPU_BATCH
        if self.memory_bytes is None:
            return _ACCELERATOR_BATCH
        fitting = int(self.memory_bytes * _MEMORY_SHARE / (_BYTES_A_PIXEL * image_size**2))
        power = 1 << max(fitting.bit_length() - 1, 0)
        return min(max(power, _SMALLEST_ACCELERATOR_BATCH), _LARGEST_ACCELERATOR_BATCH)


def found(*, environ: Mapping[str, str] = os.environ) -> Processor:
    """The processor that TensorFlow will use in this process."""
    import tensorflow as tf

    if tf.config.list_physical_devices("TPU"):
        return Processor("tpu")
    if gpus := tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpus[0])
        return Processor(
            "gpu",
            compute_capability=details.get("compute_capability", (0, 0)),
            memory_bytes=_gpu_memory_bytes(),
        )
    # Without oneDNN, TensorFlow has no bfloat16 convolution that deserves the name.
    with_onednn = environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
    return Processor("cpu", features=cpu_features() if with_onednn else frozenset())


def _gpu_memory_bytes() -> int | None:
    from tensorflow.python.client import device_lib

    gpus = [each for each in device_lib.list_local_devices() if each.device_type == "GPU"]
    return min((gpu.memory_limit for gpu in gpus if gpu.memory_limit), default=None)


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The instruction sets of this CPU; none where the system does not tell."""
    try:
        told = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return frozenset()
    return frozenset(told[1].split()) if told else frozenset()
