"""Images a second of `frostline bulk-predict` against `frostline predict`, and flat memory.

Speed: whole commands, start and all, on the same images and the same model: `bulk-predict` with the
runners `in_process` and `multi_processing`, and `predict --output`, the yardstick. They alternate.

Memory: the peak resident set of `bulk-predict` in one process on `--many` images, and on 1,000, the
yardstick.

Without arguments the model is a tiny one, and the images are links to 50 made photographs
(500x375 JPEG, about 60 KB): what is measured then is all that is not the network.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

FEW = 1000
SOME = 2000
MADE = 50
ROUNDS = 3
RUNNERS = ("in_process", "multi_processing")
COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


def main() -> None:
    """Print a line of JSON for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a work directory or a pushed model")
    parser.add_argument("--data", type=Path, help="a folder of images")
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--make-model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make_model:
        _make_model(options.make_model)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # In another process: what TensorFlow takes of memory would count as the children's.
        making = [sys.executable, __file__, "--make-model", str(place / "model")]
        subprocess.run(making, check=True, stderr=subprocess.DEVNULL)
        data = options.data or _linked(place, SOME)
        _print_speed(options.model or place / "model", data, options.rounds, place)
        _print_memory(place / "model", options.many, place)


def _make_model(folder: Path) -> None:
    import keras

    from trainer import signatures

    classifier = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    server = signatures.Server(classifier, labels=["one", "other"], size=8)
    signatures.export(server, str(folder / "1"))


def _linked(place: Path, count: int) -> Path:
    """A folder of so many names of a few made photographs."""
    made, folder = place / "made", place / str(count)
    made.mkdir(parents=True)
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(MADE):
        coarse = Image.fromarray(rng.integers(0, 256, (75, 100, 3), dtype=np.uint8))
        photo = coarse.resize((500, 375), Image.Resampling.BICUBIC)
        photo.save(made / f"{number}.jpg", quality=82)
    for number in range(count):
        (folder / f"{number}.jpg").symlink_to(made / f"{number % MADE}.jpg")
    return folder


def _print_speed(model: Path, data: Path, rounds: int, place: Path) -> None:
    count = sum(1 for path in data.rglob("*") if path.is_file())
    found: dict[str, list[float]] = {runner: [] for runner in (*RUNNERS, "predict")}
    for number in range(rounds):
        for runner in RUNNERS:
            output = place / f"{runner}{number}"
            seconds, _ = _bulk(model, data, output, runner)
            found[runner].append(count / seconds)
        output = place / f"predict{number}"
        seconds, _ = _run("predict", "--model", model, "--output", output, data)
        found["predict"].append(count / seconds)
    for runner in RUNNERS:
        name = f"batch_inference_images_per_second_{runner}_{count}_images"
        _print(name, found[runner], found["predict"])


def _print_memory(model: Path, many: int, place: Path) -> None:
    peaks = [
        _bulk(model, _linked(place / f"of{count}", count), place / f"peak{count}", RUNNERS[0])[1]
        for count in (many, FEW)
    ]
    _print(f"batch_inference_peak_megabytes_{many}_images_against_{FEW}", peaks[:1], peaks[1:])


def _print(name: str, ours: Sequence[float], yardstick: Sequence[float]) -> None:
    ratios = [mine / theirs for mine, theirs in zip(ours, yardstick, strict=True)]
    result = {
        "name": name,
        "ours": round(statistics.median(ours)),
        "yardstick": round(statistics.median(yardstick)),
        "ratio": round(statistics.median(ratios), 2),
    }
    print(json.dumps(result), flush=True)


def _bulk(model: Path, data: Path, output: Path, runner: str) -> tuple[float, float]:
    return _run("bulk-predict", "--model", model, "--output", output, "--runner", runner, data)


def _run(*words: object) -> tuple[float, float]:
    """Seconds and peak megabytes of a command."""
    started = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, *map(str, words)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command)
    return time.perf_counter() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
