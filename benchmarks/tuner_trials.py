"""Seconds of a tuner's trial, against the seconds that the same search needs for features, once.

`frostline tune` on cats_and_dogs_filtered (in ../shared or $FROSTLINE_SHARED), with the preset
`default`. Seconds are those of summary.json: `ours` is the median of the trials, and the yardstick
the step FrozenFeatures, which a trial would repeat if features were not kept.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"


def main() -> None:
    """Print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    with tempfile.TemporaryDirectory() as folder:
        summary = _tuned(Path(folder), options.trials, options.overrides)
    seconds = [trial["seconds"] for trial in summary["tuning"]["trials"]]
    frozen = summary["features"]["seconds"]
    ours = statistics.median(seconds)
    result = {
        "name": "tuner_trial_seconds",
        "ours": round(ours, 2),
        "yardstick": round(frozen, 2),
        "ratio": round(frozen / ours, 1),
        "quickest": min(seconds),
        "slowest": max(seconds),
        "trials": len(seconds),
    }
    print(json.dumps(result))


def _tuned(work_dir: Path, trials: int, overrides: list[str]) -> dict:
    command = [str(Path(sys.executable).with_name("frostline")), "tune"]
    command += ["--data", str(PHOTOS), "--work-dir", str(work_dir), "--weights", str(WEIGHTS)]
    command += ["--trials", str(trials)]
    for override in overrides:
        command += ["--set", override]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((work_dir / "latest" / "summary.json").read_text())


if __name__ == "__main__":
    main()
