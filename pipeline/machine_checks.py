"""What `frostline doctor` asks of the machine: Python, libraries, processor, memory, devices."""

import platform
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from pipeline import device_probe, machine
from pipeline.device_probe import ProbeError
from pipeline.findings import Finding
from trainer.feature_room import GIGABYTE, told
from trainer.processor import Processor

LOCK = Path(__file__).parents[1] / "requirements.lock"
PYTHON = (3, 11)
# The oldest that every wheel in the lock runs on: LOCK_PLATFORM in the Makefile.
GLIBC = (2, 28)
# The default preset's peak, of 3 GB at 299 pixels, and some air. Images are streamed and rows lie
# on disk (decision notes 4 and 6), so that more of them take no more.
MEMORY_BYTES = 4 * GIGABYTE
_BFLOAT16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
_NAMED = 5


def python(found: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """TFX takes one version only."""
    text = f"{platform.python_version()} at {sys.executable}"
    if found == PYTHON:
        return Finding("Python", "ok", text)
    fix = "TFX takes 3.11 and no other: make run PYTHON=/path/to/python3.11"
    return Finding("Python", "fail", text, fix)


def glibc(found: tuple[int, ...] | None) -> Finding:
    """The wheels run on a GNU C library that is not too old."""
    oldest = ".".join(map(str, GLIBC))
    fix = f"use a Linux with glibc {oldest} or newer, such as Debian 12 or Ubuntu 24.04"
    if found is None:
        return Finding("glibc", "fail", "another C library: TFX has no wheels for it", fix)
    text = ".".join(map(str, found))
    if found < GLIBC:
        return Finding("glibc", "fail", f"{text}, and the wheels need {oldest}", fix)
    return Finding("glibc", "ok", text)


def packages(lock: Path = LOCK) -> Finding:
    """What is installed is what Frostline was tested with."""
    if not lock.exists():
        return Finding("packages", "ok", f"there is no {lock.name} to compare with")
    pinned, there = machine.locked(lock), machine.installed()
    other = [name for name in pinned if there.get(name) != pinned[name]]
    if not other:
        return Finding("packages", "ok", f"{len(pinned)} as in {lock.name}")
    named = [f"{name} {there.get(name, 'missing')} (not {pinned[name]})" for name in other]
    more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
    found = f"{len(other)} of {len(pinned)} are not as in {lock.name}: "
    fix = f"pip install --no-deps -r {lock}; or `make clean`, after which make installs anew"
    return Finding("packages", "warn", found + ", ".join([*named[:_NAMED], *more]), fix)


def processor(features: Collection[str], *, precision: str, environ: Mapping[str, str]) -> Finding:
    """The CPU runs TensorFlow, and its bfloat16 is used where it has any.

    Args:
      features: instruction sets as /proc/cpuinfo names them; empty where it does not tell.
      precision: `model.precision`.
    """
    has = [name for flag, name in _BFLOAT16.items() if flag in features]
    found = f"{machine.cores()} cores of {platform.machine()}, {' and '.join(has) or 'no bfloat16'}"
    if features and "avx" not in features:
        fix = "use a newer machine, or a virtual one that passes AVX on"
        return Finding("CPU", "fail", f"{found}; TensorFlow needs AVX", fix)
    if has and environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        unused = f"{found}, which TF_ENABLE_ONEDNN_OPTS=0 leaves unused"
        return Finding("CPU", "warn", unused, "unset TF_ENABLE_ONEDNN_OPTS")
    best = Processor("cpu", features=frozenset(features)).precision
    used = best if precision == "auto" else precision
    return Finding("CPU", "ok", f"{found}: the frozen base computes in {used}")


def memory(available_bytes: int | None) -> Finding:
    """There is as much as a run takes."""
    needed = f"a run takes up to {told(MEMORY_BYTES)}, however many images"
    if available_bytes is None:
        return Finding("memory", "warn", f"the system does not tell; {needed}", "see that it is so")
    found = f"{told(available_bytes)} free; {needed}"
    if available_bytes >= MEMORY_BYTES:
        return Finding("memory", "ok", found)
    return Finding("memory", "fail", found, "stop other programs, or raise the container's limit")


def tensorflow() -> Finding:
    """TensorFlow can be imported, and sees the GPU that is there."""
    try:
        devices = device_probe.ask()
    except ProbeError as error:
        fix = "`make clean`, after which make installs anew"
        return Finding("TensorFlow", "fail", f"cannot be used: {error}", fix)
    found = f"{devices.version} on {', '.join(devices.names)}"
    if devices.kind == "cpu" and shutil.which("nvidia-smi"):
        fix = "make run LOCK=requirements-gpu.lock; and `nvidia-smi` should name the GPU"
        return Finding("TensorFlow", "warn", f"{found}, but not on the NVIDIA GPU", fix)
    return Finding("TensorFlow", "ok", found)
