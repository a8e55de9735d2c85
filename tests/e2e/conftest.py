"""Whole runs through the command line, on images and weights that are made here."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

# A run of half a minute: the smallest image, a low cut, a head that learns at once.
QUICK = {
    "image.size": 75,
    "model.cut": "mixed2",
    "train.epochs": 12,
    "train.learning_rate": 0.02,
    "train.batch_size": 16,
}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Run(Ended):
    """A run that has ended, the summary and the versions to serve that it left."""

    work_dir: Path
    summary: Mapping[str, Any]
    versions: Sequence[str]

    @property
    def states(self) -> dict[str, str]:
        """Step -> state."""
        return {step["name"]: step["state"] for step in self.summary["steps"]}


class Running:
    """A run that goes on in a process group of its own, as in a terminal."""

    def __init__(self, command: list[str], work_dir: Path, environ: Mapping[str, str]) -> None:
        self.work_dir = work_dir
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            start_new_session=True,
            # A test run in the background of a shell hands down a deaf ear to Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def wait_until(self, has_come: Callable[[], object], *, seconds: float = 120) -> None:
        """Wait until it has come so far."""
        deadline = time.monotonic() + seconds
        while not has_come():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "it has not come so far"
            time.sleep(0.02)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as the terminal does."""
        os.killpg(self.process.pid, number)

    def end(self, *, timeout: float = 300) -> Run:
        """Wait for its end; no process of the group outlives it."""
        try:
            stdout, stderr = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            raise
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)
        file = self.work_dir / "latest" / "summary.json"
        summary = json.loads(file.read_text()) if file.exists() else {}
        versions = sorted(path.name for path in self.work_dir.glob("serving/*/[0-9]*"))
        return Run(self.process.returncode, stdout, stderr, self.work_dir, summary, versions)


class Frostline:
    """The installed command, as a user calls it."""

    def __init__(self) -> None:
        self._command = str(Path(sys.executable).with_name("frostline"))
        self._started: list[Running] = []

    def __call__(self, *arguments: object, timeout: float = 120) -> Ended:
        """Call any command."""
        ended = subprocess.run(
            [self._command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def start(
        self,
        *,
        data: Path,
        work_dir: Path,
        weights: object,
        preset: str = "default",
        settings: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        command: str = "run",
        arguments: Sequence[str] = (),
    ) -> Running:
        """Start `frostline run`, or another command, with quick settings, and those given."""
        words = [self._command, command, "--data", data, "--work-dir", work_dir, *arguments]
        words += ["--weights", weights, "--preset", preset]
        for key, value in {**QUICK, **(settings or {})}.items():
            words += ["--set", f"{key}={value}"]
        texts = [str(word) for word in words]
        running = Running(texts, work_dir, {**os.environ, **(environ or {})})
        self._started.append(running)
        return running

    def kill_all(self) -> None:
        """Kill what a failed test has left running."""
        for running in self._started:
            if running.process.poll() is None:
                running.kill(signal.SIGKILL)

    def run(self, **options: Any) -> Run:
        """Run to the end; options as for `start`."""
        return self.start(**options).end()


@pytest.fixture(scope="session")
def frostline() -> Iterator[Frostline]:
    command = Frostline()
    yield command
    command.kill_all()


@pytest.fixture(scope="session")
def split_images(
    make_images: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`train/` and `validation/`, two classes: 20 and 8 images each, and three broken files."""
    folder = tmp_path_factory.mktemp("split_images")
    for path in sorted(make_images(folder / "all", count=28).glob("*/*.png")):
        # Spread over both: the images grow with their number, which the data gate would notice.
        split = "validation" if int(path.stem) % 7 < 2 else "train"
        target = folder / split / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    shutil.rmtree(folder / "all")
    (folder / "train" / "cold" / "notes.txt").write_text("not an image")
    (folder / "train" / "warm" / "empty.jpg").touch()
    whole = (folder / "train" / "warm" / "20.png").read_bytes()
    (folder / "train" / "warm" / "cut.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def made_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Inception V3 file whose random kernels keep the size of what goes through."""
    import keras

    network = keras.applications.InceptionV3(
        include_top=False,
        weights=None,  # pyright: ignore[reportArgumentType]
        input_shape=(75, 75, 3),
    )
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("weights") / "made.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}" for weight in layer.weights]
            group.attrs["weight_names"] = np.array(names, dtype="S")
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = _he_normal(rng, value.shape) if value.ndim == 4 else value
    return path


def _he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    deviation = np.sqrt(2 / np.prod(shape[:3]))
    return rng.normal(0, deviation, shape).astype(np.float32)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1.2 GB in memory; most test machines let only root mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1200m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk to fill: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
