"""Training a head on features that are much larger than memory should be: speed and peak memory.

Made features, maps of 8x8x1280 as the default's, are trained on in processes of their own: one
epoch on `--few` rows, and as many steps on ten times as many. Memory is the peak of the anonymous
resident set (RssAnon of /proc/self/status), which is what cannot be given back; the pages of the
mapped files can. Then the steps a second with two threads are held against those with one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

if TYPE_CHECKING:
    from trainer.feature_rows import FeatureRows

TIMES = 10
BATCH_SIZE = 64
SEGMENT_ROWS = 400
MAP = (8, 8, 1280)


def main() -> None:
    """Print a line of JSON for memory, and one for speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=2000, help="rows; ten times as many take 3 GB")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        _train(options.train, options.steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        few = _made(Path(folder, "few"), options.few)
        many = _made(Path(folder, "many"), TIMES * options.few)
        steps = options.few // BATCH_SIZE
        large, small = _trained(many, steps, threads=2), _trained(few, steps, threads=2)
        _print(f"head_training_peak_megabytes_{TIMES}_times_the_features", large, small, "peak")
        one = _trained(few, steps, threads=1)
        _print("head_training_steps_per_second_2_threads_against_1", small, one, "speed")


def _print(name: str, ours: dict, yardstick: dict, key: str) -> None:
    result = {"name": name, "ours": ours[key], "yardstick": yardstick[key]}
    print(json.dumps(result | {"ratio": round(ours[key] / yardstick[key], 2)}), flush=True)


def _made(folder: Path, rows: int) -> Path:
    from trainer import feature_store

    rng = np.random.default_rng(0)
    for first in range(0, rows, SEGMENT_ROWS):
        count = min(SEGMENT_ROWS, rows - first)
        maps = rng.random((count, *MAP), np.float32).astype(np.float16)
        feature_store.write(folder, [str(first + row) for row in range(count)], {"map": maps})
    return folder


def _trained(folder: Path, steps: int, *, threads: int) -> dict:
    command = [sys.executable, __file__, "--train", str(folder), "--steps", str(steps)]
    cores = sorted(os.sched_getaffinity(0))[:threads]
    output = subprocess.check_output(
        command, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    return json.loads(output.splitlines()[-1])


def _train(folder: Path, steps: int) -> None:
    import keras

    from trainer import dataset
    from trainer.settings import AugmentSettings, TrainSettings

    rows = _rows(folder)
    settings = TrainSettings(batch_size=BATCH_SIZE, steps_per_epoch=steps, epochs=2)
    batches = dataset.training_batches(
        rows, train=settings, augmentation=AugmentSettings(), first_epoch=0
    )
    scores = keras.layers.Dense(1, activation="sigmoid")
    head = keras.Sequential([keras.Input(MAP), keras.layers.Flatten(), scores])
    head.compile(optimizer="adam", loss="binary_crossentropy")
    ends: list[float] = []
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    with _Peak() as peak:
        head.fit(batches, epochs=2, steps_per_epoch=steps, callbacks=[noted], verbose=0)  # pyright: ignore[reportArgumentType]  Keras documents 0
    speed = steps / (ends[1] - ends[0])
    print(json.dumps({"peak": peak.megabytes, "speed": round(speed, 2)}))


def _rows(folder: Path) -> "FeatureRows":
    from trainer import feature_store
    from trainer.feature_rows import FeatureRows

    found = feature_store.segments(folder)
    places = [(part, row) for part, each in enumerate(found) for row in range(len(each.keys))]
    labels = [row % 2 for _, row in places]
    return FeatureRows.of([each.mapped("map") for each in found], places, labels, ())


class _Peak:
    """The peak of the anonymous resident set while it is open."""

    def __init__(self) -> None:
        self.megabytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            status = Path("/proc/self/status").read_text()
            kilobytes = int(status.partition("RssAnon:")[2].split()[0])
            self.megabytes = max(self.megabytes, kilobytes // 1024)


if __name__ == "__main__":
    main()
