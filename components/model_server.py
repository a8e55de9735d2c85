"""TF Serving itself: its program, found on the PATH, and what it is told of one model."""

import shutil
from pathlib import Path

PROGRAM = "tensorflow_model_server"


def found() -> str | None:
    """The path of TF Serving's program, or None."""
    return shutil.which(PROGRAM)


def listening(program: str, *, grpc_port: int, rest_port: int) -> list[str]:
    """The words that start it on some ports; it listens on every address."""
    return [program, f"--port={grpc_port}", f"--rest_api_port={rest_port}"]


def one_model(name: str, base_path: Path) -> list[str]:
    """The words that have it serve the versions in a folder."""
    return [f"--model_name={name}", f"--model_base_path={base_path}"]
