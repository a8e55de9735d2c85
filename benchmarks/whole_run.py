"""Seconds from a folder to a pushed model: cold, again with nothing changed, and with new images.

The preset `default` on cats_and_dogs_filtered (in ../shared or $FROSTLINE_SHARED), less a hundred
photographs that come for the third run. Seconds are wall time of the whole command less the
imports, which are those of a process that only imports what a run does (the quicker of two, in
the beginning). The yardstick is the goal:
150, 25 and 60 seconds. `steps` are the seconds of each step, from summary.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
NEW_IMAGES = 100
GOALS = {"cold": 150, "again": 25, f"{NEW_IMAGES}_images_more": 60}
IMPORTS = "from tfx import v1; from pipeline import graph, results; from trainer import run"


def main() -> None:
    """Print a line of JSON for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(PHOTOS, place / "photos")
        held_back = _hold_back(place)
        imports = min(_seconds([sys.executable, "-c", IMPORTS]) for _ in range(2))
        for name, goal in GOALS.items():
            if name not in ("cold", "again"):
                for target, path in held_back.items():
                    path.rename(target)
            _print(name, goal, place, options.overrides, imports)


def _hold_back(place: Path) -> dict[Path, Path]:
    """Where each photograph that comes later belongs, and where it waits."""
    folders = sorted((place / "photos" / "train").iterdir())
    (place / "waiting").mkdir()
    held_back = {}
    for folder in folders:
        for path in sorted(folder.iterdir())[: NEW_IMAGES // len(folders)]:
            held_back[path] = path.rename(place / "waiting" / path.name)
    return held_back


def _print(name: str, goal: int, place: Path, overrides: list[str], imports: float) -> None:
    command = [str(Path(sys.executable).with_name("frostline")), "run"]
    command += ["--data", str(place / "photos"), "--work-dir", str(place / "work")]
    command += ["--weights", str(WEIGHTS)]
    for override in overrides:
        command += ["--set", override]
    seconds = _seconds(command) - imports
    summary = json.loads((place / "work" / "latest" / "summary.json").read_text())
    result = {
        "name": f"whole_run_seconds_{name}",
        "ours": round(seconds, 1),
        "yardstick": goal,
        "ratio": round(goal / seconds, 2),
        "imports": round(imports, 1),
        "status": summary["status"],
        "steps": {step["name"]: step["seconds"] for step in summary["steps"]},
    }
    print(json.dumps(result), flush=True)


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
