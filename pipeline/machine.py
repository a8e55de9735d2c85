"""What this machine has, read from the system without TensorFlow."""

import os
import re
from importlib.metadata import distributions
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes(*, meminfo: Path = _MEMINFO, limit: Path = _CGROUP_LIMIT) -> int | None:
    """The memory that is free for a run, or that a container may have; None if nobody tells."""
    try:
        told = re.search(r"^MemAvailable:\s*(\d+) kB", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    if told is None:
        return None
    available = int(told[1]) * 1024
    try:
        return min(available, int(limit.read_text()))
    except (OSError, ValueError):  # No container, or "max".
        return available


def glibc() -> tuple[int, ...] | None:
    """The version of the GNU C library; None where there is another one."""
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return None
    found = re.fullmatch(r"glibc (\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else None


def installed() -> dict[str, str]:
    """Package -> version, of all that is installed beside this interpreter."""
    return {normal(each.metadata["Name"]): each.version for each in distributions()}


def locked(path: Path) -> dict[str, str]:
    """Package -> version, as a lock pins them."""
    pins = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    return {normal(name): version for name, version in pins}


def normal(name: str) -> str:
    """A package's name as any spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
