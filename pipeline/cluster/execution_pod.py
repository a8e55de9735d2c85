"""A pod without a cluster: a process with a file system of its own.

Where Linux lets an ordinary user make namespaces, a pod has a root of its own: the system, the
Python that runs here and this package are mounted into it, and nothing else. `/tmp`, the home
and `/gcs`, `/s3`, `/minio` are empty; claims lie at their mount paths. Elsewhere the same folders
are handed down by HOME, TMPDIR, FROSTLINE_STAGING and the working directory, and mount paths are
replaced in the command; a container that writes to fixed paths is then not held back.
"""

import functools
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOME = "/home/pod"
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "proc", "sys", "dev")
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "CUDA_VISIBLE_DEVICES")
_NEW_ROOT = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_GRACE_SECONDS = 10  # Between the polite signal and the other one.


@dataclass(frozen=True)
class Pod:
    """The root of a pod's file system, on this machine, and what is mounted into it."""

    root: Path
    mounts: Mapping[str, Path]
    has_own_root: bool

    def path(self, inside: str) -> Path:
        """Where an absolute path of the pod lies on this machine."""
        return self.root / inside.lstrip("/")

    def name(self, inside: str) -> str:
        """What the pod calls an absolute path of its own."""
        return inside if self.has_own_root else str(self.path(inside))


@dataclass(frozen=True)
class Ended:
    """How a pod ended, and what it took."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    memory_megabytes: float
    is_late: bool


@functools.cache
def can_have_own_root() -> bool:
    """Whether this machine lets a pod have a root of its own."""
    try:
        return not subprocess.run([*_NEW_ROOT, "true"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


def run(
    pod: Pod,
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    deadline_seconds: int | None,
) -> Ended:
    """Run a command to its end, or to its deadline; stdout and stderr go into the log."""
    for folder in (HOME, "/tmp", "/var/tmp"):
        pod.path(folder).mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    words = _in_own_root(pod, command) if pod.has_own_root else _replaced(pod, command)
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            words,
            cwd=pod.path(HOME),
            env=_environment(pod, env),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        is_late = _wait(process, deadline_seconds)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        exit_code=process.returncode,
        seconds=time.monotonic() - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        memory_megabytes=usage.ru_maxrss / 1000,
        is_late=is_late,
    )


def _wait(process: "subprocess.Popen[bytes]", seconds: int | None) -> bool:
    """Wait for the end; true if it had to be brought about."""
    ended = os.pidfd_open(process.pid)
    try:
        if select.select([ended], [], [], seconds)[0]:
            return False
        _stop(process, ended)
        return True
    except KeyboardInterrupt:
        _stop(process, ended)
        raise
    finally:
        os.close(ended)


def _stop(process: "subprocess.Popen[bytes]", ended: int) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    select.select([ended], [], [], _GRACE_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)


def _environment(pod: Pod, env: Mapping[str, str]) -> dict[str, str]:
    # `python` is the Python that runs here, whatever the image would hold.
    path = os.pathsep.join([str(Path(sys.prefix).resolve() / "bin"), *_PATH])
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    places = {"HOME": pod.name(HOME), "TMPDIR": pod.name("/tmp")}
    if not pod.has_own_root:
        places["FROSTLINE_STAGING"] = str(pod.root)
        env = dict(zip(env, _replaced(pod, list(env.values())), strict=True))
    return {**passed_on, "PATH": path, **places, **env}


def _replaced(pod: Pod, words: Sequence[str]) -> list[str]:
    for path, source in pod.mounts.items():
        pattern = re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])")
        words = [pattern.sub(lambda match, to=source: str(to), word) for word in words]
    return list(words)


def _in_own_root(pod: Pod, command: Sequence[str]) -> list[str]:
    mounts = {f"/{name}": Path("/", name) for name in _SYSTEM}
    mounts |= {str(folder): folder for folder in _python_folders()} | dict(pod.mounts)
    lines = ["set -e"]
    for path, source in mounts.items():
        lines += _mounted(pod, path, source)
    lines.append(f'exec chroot {shlex.quote(str(pod.root))} sh -c \'cd {HOME}; exec "$@"\' sh "$@"')
    return [*_NEW_ROOT, "sh", "-c", "\n".join(lines), "sh", *command]


def _mounted(pod: Pod, path: str, source: Path) -> list[str]:
    target = pod.path(path)
    if target.is_symlink() or not source.exists():
        return []
    if source.is_symlink() and str(source) == path:
        target.symlink_to(source.readlink())  # As /bin leads to usr/bin.
        return []
    target.mkdir(parents=True, exist_ok=True)
    return [f"mount --rbind {shlex.quote(str(source))} {shlex.quote(str(target))}"]


def _python_folders() -> list[Path]:
    """The folders of this Python, of what is installed into it, and of this package."""
    package = Path(__file__).parents[2]
    found = {Path(sys.prefix), Path(sys.base_prefix), package}
    found |= {Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    # Shortest first: what lies in a folder that is mounted already needs no mount.
    real = sorted({folder.resolve() for folder in found}, key=lambda folder: len(folder.parts))
    outer = [one for one in real if not any(other in one.parents for other in real)]
    return [one for one in outer if one.parts[1] not in _SYSTEM]
