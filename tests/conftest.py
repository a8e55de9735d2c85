"""Fixtures for all tests: real photographs where they are at hand, made ones everywhere else."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is absent; $FROSTLINE_SHARED may name a folder that has it")
    return path


@pytest.fixture(scope="session")
def photos() -> Path:
    """cats_and_dogs_filtered: 2000 training and 1000 validation photographs."""
    return _shared("data/cats_and_dogs_filtered")


@pytest.fixture(scope="session")
def odd_images() -> Path:
    """Real odd and broken image files."""
    return _shared("data/odd_images")


@pytest.fixture(scope="session")
def imagenet_weights() -> Path:
    """Inception V3's ImageNet weights, exact up to `mixed8`."""
    return _shared("weights/inception_v3_tf_notop_exact_to_mixed8.h5")


@pytest.fixture(scope="session")
def make_images() -> Callable[..., Path]:
    """Writes `folder/<class>/<n>.png`: noise around a level of its own for each class."""

    def make(folder: Path, *, classes: tuple[str, ...] = ("cold", "warm"), count: int = 8) -> Path:
        for place, label in enumerate(classes):
            rng = np.random.default_rng(place)
            (folder / label).mkdir(parents=True)
            for number in range(count):
                level = 60 + 130 * place / max(len(classes) - 1, 1)
                pixels = rng.normal(level, 25, (90 + number, 100, 3)).clip(0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
        return folder

    return make


@dataclass(frozen=True)
class Docker:
    """A stand-in for Docker on the PATH: the image that it has, and a file for each container."""

    image: str
    folder: Path

    def containers(self) -> list[str]:
        """What runs now."""
        return [path.name for path in self.folder.iterdir() if path.is_file()]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """See `tests/docker_stand_in.py`."""
    folder = tmp_path / "docker-containers"
    folder.mkdir()
    program = tmp_path / "docker-bin" / "docker"
    program.parent.mkdir()
    stand_in = Path(__file__).with_name("docker_stand_in.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_STAND_IN", str(folder))
    return Docker("tensorflow/serving:2.19.1", folder)
