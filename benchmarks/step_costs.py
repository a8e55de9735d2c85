"""What each step's pod takes on Kubeflow: seconds, CPU seconds, memory and disk.

Each data set is compiled and run by kubeflow/run_compiled.py: every step is a process of its own
with an empty file system, as in a pod. `seconds` have the imports of that step in them, `memory`
is the largest process's peak, `disk` is what lay in the pod at its end, in megabytes. The yardstick
is `frostline run` on the same data, one process for all steps, in the same call; wall seconds
of the whole. cats_and_dogs_filtered and the weights are in ../shared or $FROSTLINE_SHARED; without
them there is the embedded sample alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("FROSTLINE_SHARED", ROOT.parent / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
FROSTLINE = Path(sys.executable).with_name("frostline")
STATE = "/mnt/state"
FIGURES = ("seconds", "cpu_seconds", "memory_megabytes", "disk_megabytes")


@dataclass(frozen=True)
class Case:
    """A data set.

    local: arguments of `frostline run`
    cluster: those of compile.py that say the same to a pod
    volumes: claim -> folder here; a claim is mounted at /mnt/<claim>
    """

    name: str
    local: Sequence[str]
    cluster: Sequence[str]
    volumes: dict[str, Path]


_OF_SAMPLE = ("--preset", "sample", "--weights", "random")
SAMPLE = Case("sample", _OF_SAMPLE, _OF_SAMPLE, {})
_IN_POD = f'kubeflow.weights="/mnt/weights/{WEIGHTS.name}"'
CATS_AND_DOGS = Case(
    "cats_and_dogs",
    ("--data", str(PHOTOS), "--weights", str(WEIGHTS)),
    ("--data", "/mnt/photos", "--weights", str(WEIGHTS), "--set", _IN_POD),
    {"photos": PHOTOS, "weights": WEIGHTS.parent},
)


def main() -> None:
    """Print a line of JSON for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[SAMPLE.name, CATS_AND_DOGS.name])
    only = parser.parse_args().only
    cases = [SAMPLE, *([CATS_AND_DOGS] if PHOTOS.exists() and WEIGHTS.exists() else [])]
    for case in cases:
        if only in (None, case.name):
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps(_measured(case, Path(folder))), flush=True)


def _measured(case: Case, place: Path) -> dict[str, Any]:
    began = time.monotonic()
    _run([str(FROSTLINE), "run", *case.local, "--work-dir", str(place / "work")], place)
    yardstick = time.monotonic() - began
    steps = _steps(case, place)
    ours = sum(step["seconds"] for step in steps)
    return {
        "name": f"step_costs_{case.name}",
        "ours": round(ours, 1),
        "yardstick": round(yardstick, 1),
        "ratio": round(ours / yardstick, 2),
        "steps": {_plain(step["name"]): _figures(step) for step in steps},
    }


def _steps(case: Case, place: Path) -> list[dict[str, Any]]:
    (place / "state").mkdir()
    volumes = {**case.volumes, "state": place / "state"}
    mounts = ", ".join(f'{{claim = "{name}", path = "/mnt/{name}"}}' for name in volumes)
    settings = (f'kubeflow.state="{STATE}"', f"kubeflow.volumes=[{mounts}]")
    words = [word for setting in settings for word in ("--set", setting)]
    words += ["--image", "frostline", "--root", "gs://bucket/runs", "-o", "pipeline.yaml"]
    _run([sys.executable, str(ROOT / "kubeflow/compile.py"), *case.cluster, *words], place)
    command = [sys.executable, str(ROOT / "kubeflow/run_compiled.py"), "pipeline.yaml"]
    for name, folder in volumes.items():
        command += ["--volume", f"{name}={folder}"]
    _run(command, place)
    (told,) = (place / "bucket" / "runs").glob("*/run.json")
    return json.loads(told.read_text(encoding="utf-8"))["steps"]


def _figures(step: dict[str, Any]) -> dict[str, float]:
    return {name: round(step[name], 1) for name in FIGURES}


def _plain(name: str) -> str:
    """The step's own name, without that of the DAG that TFX puts it in."""
    return name.rpartition("/")[2]


def _run(command: Sequence[str], place: Path) -> None:
    """Run a command in a folder; what it says is shown only where it fails."""
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
