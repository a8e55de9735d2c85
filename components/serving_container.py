"""TF Serving's Docker image, run for one model where its program is not installed.

The container is removed by name: whoever kills `docker run` leaves the container running.
"""

import shutil
import subprocess
from pathlib import Path

PROGRAM = "docker"
_REST_PORT = 8501  # Where the image's own entry point has TF Serving listen.
_SECONDS = 30.0


def found() -> str | None:
    """The path of Docker's program, or None."""
    return shutil.which(PROGRAM)


def is_there(image: str) -> bool:
    """Whether Docker has an image on this machine."""
    words = [PROGRAM, "image", "inspect", image]
    told = subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False)
    return told.returncode == 0


def command(*, image: str, name: str, model: Path, model_name: str, rest_port: int) -> list[str]:
    """The words that run TF Serving on one version of a model. Nothing is downloaded.

    Args:
      image: such as `tensorflow/serving:2.19.1`, which is on this machine.
      name: the container's.
      model: the folder of the SavedModel; the container sees this folder alone, and cannot write.
      model_name: what it is served as.
      rest_port: where it listens for REST, on this machine's loopback only.
    """
    folder = model.resolve()
    return [
        PROGRAM,
        "run",
        "--rm",
        "--pull=never",
        f"--name={name}",
        f"--publish=127.0.0.1:{rest_port}:{_REST_PORT}",
        f"--volume={folder}:/models/{model_name}/{model.name}:ro",
        f"--env=MODEL_NAME={model_name}",
        image,
    ]


def process_of(name: str) -> int:
    """The id, on this machine, of the process that a container has begun with.

    Raises:
      RuntimeError: it runs on another machine, as in Docker Desktop, and cannot be measured.
    """
    words = [PROGRAM, "inspect", "--format={{.State.Pid}}", name]
    told = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)
    pid = told.stdout.strip()
    if not (pid.isdecimal() and Path(f"/proc/{pid}/status").exists()):
        raise RuntimeError(
            "Docker runs its containers on another machine, where their memory cannot be measured: "
            "leave serving_gate.docker_image empty"
        )
    return int(pid)


def remove(name: str) -> None:
    """Stop and remove a container, if it is there."""
    words = [PROGRAM, "rm", "--force", name]
    subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False)
