"""As much of Docker's command line as Frostline uses, for machines that have no Docker.

As with the real one, a container is nobody's child: it goes on when `docker run` is killed.
Its image holds Frostline's own stand-in for TF Serving, under the entry point's ports and folders.
"""

# ruff: noqa: T201  it prints what Docker prints
import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

IMAGE = "tensorflow/serving:2.19.1"
SERVE = "import sys; from pipeline.cli import main; sys.exit(main())"


def run(words: list[str], containers: Path) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--rm", action="store_true", required=True)
    parser.add_argument("--pull", choices=["never"], required=True)
    for name in ("--name", "--publish", "--volume", "--env"):
        parser.add_argument(name, required=True)
    parser.add_argument("image")
    options = parser.parse_args(words)
    if options.image != IMAGE:
        print(f"docker: Error: No such image: {options.image}.", file=sys.stderr)
        return 125
    process = subprocess.Popen(_command(options), start_new_session=True)
    (containers / options.name).write_text(str(process.pid))
    code = process.wait()
    (containers / options.name).unlink(missing_ok=True)
    return code


def _command(options: argparse.Namespace) -> list[str]:
    folder, target, mode = options.volume.split(":")
    host, rest_port, inside = options.publish.split(":")
    name = options.env.removeprefix("MODEL_NAME=")
    assert (host, inside, mode) == ("127.0.0.1", "8501", "ro")
    assert target == f"/models/{name}/{Path(target).name}"
    models = Path(os.environ["DOCKER_STAND_IN"]) / f"models-of-{options.name}"
    models.mkdir()
    (models / Path(target).name).symlink_to(folder, target_is_directory=True)
    words = ["serve", "--stand-in", "--model-dir", str(models), "--model-name", name]
    return [sys.executable, "-c", SERVE, *words, "--rest-port", rest_port, "--grpc-port", "0"]


def inspect(words: list[str], containers: Path) -> int:
    wanted, name = words
    assert wanted == "--format={{.State.Pid}}"
    print((containers / name).read_text())
    return 0


def remove(words: list[str], containers: Path) -> int:
    force, name = words
    assert force == "--force"
    place = containers / name
    if not place.exists():
        print(f"Error response from daemon: No such container: {name}", file=sys.stderr)
        return 1
    pid = int(place.read_text())
    os.killpg(pid, signal.SIGKILL)
    while _is_running(pid):
        time.sleep(0.01)
    place.unlink(missing_ok=True)
    return 0


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def main() -> int:
    """Do what the words say."""
    containers = Path(os.environ["DOCKER_STAND_IN"])
    match sys.argv[1:]:
        case ["run", *words]:
            return run(words, containers)
        case ["inspect", *words]:
            return inspect(words, containers)
        case ["rm", *words]:
            return remove(words, containers)
        case ["image", "inspect", image]:
            return int(image != IMAGE)
    print(f"docker: {sys.argv[1:]} is not a docker command", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
