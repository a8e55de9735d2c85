"""Images a second from folder to TFRecord on one core, and whether memory stays flat.

The yardstick is a bare loop that reads each file, decodes it with the decoder that serves, and
writes it to a TFRecord: what validation needs and no more. Both sides alternate in one run, on the
same made photographs (500x375 JPEG, about 30 KB). Ours also measures each image's properties and
its likeness, writes Examples, and looks for duplicates. Memory is the peak resident set of a
process of its own that ingests 1,000 images, and of one that ingests `--many` (20,000).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import apache_beam as beam
import numpy as np
import tensorflow as tf
from PIL import Image

from components import image_example_gen, inputs
from components.settings import IngestionSettings
from trainer import images

FEW = 1000
ROUNDS = 3


def main() -> None:
    """Print a line of JSON for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if options.peak_of:
            _ingested(options.peak_of, place)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
            return
        _print_speed(_made(place / "few", FEW), place)
        _print_memory(place / "few", _made(place / "many", options.many), options.many)


def _made(folder: Path, count: int) -> Path:
    """Blurred noise, which JPEG packs about as well as photographs; each file is another one."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (75, 100, 3), dtype=np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=82)
    return folder


def _print_speed(data: Path, place: Path) -> None:
    rounds = []
    for number in range(ROUNDS):
        ours = _images_a_second(lambda: _ingested(data, place / f"ours{number}"))  # noqa: B023  called at once
        bare = _images_a_second(lambda: _looped(data, place / f"bare{number}"))  # noqa: B023  called at once
        rounds.append((ours, bare))
    result = {
        "name": "ingestion_images_per_second",
        "ours": round(statistics.median(ours for ours, _ in rounds)),
        "yardstick": round(statistics.median(bare for _, bare in rounds)),
        "ratio": round(statistics.median(ours / bare for ours, bare in rounds), 2),
    }
    print(json.dumps(result), flush=True)


def _print_memory(few: Path, many: Path, count: int) -> None:
    peaks = [
        int(subprocess.check_output([sys.executable, __file__, "--peak-of", str(data)], text=True))
        for data in (many, few)
    ]
    result = {
        "name": f"ingestion_peak_megabytes_{count}_images_against_{FEW}",
        "ours": peaks[0],
        "yardstick": peaks[1],
        "ratio": round(peaks[0] / peaks[1], 2),
    }
    print(json.dumps(result), flush=True)


def _images_a_second(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return FEW / (time.perf_counter() - started)


def _ingested(data: Path, out: Path) -> None:
    image_example_gen.ingest(
        beam.Pipeline(runner="FnApiRunner"),
        inputs.find(str(data)),
        examples_dir=str(out / "examples"),
        quarantine_dir=str(out / "quarantine"),
        cache_dir=str(out / "cache"),
        settings=IngestionSettings(),
        code="benchmark",
    )


def _looped(data: Path, out: Path) -> None:
    with tf.io.TFRecordWriter(str(out)) as writer:
        for path in sorted(data.glob("*/*")):
            encoded = path.read_bytes()
            images.decode(tf.constant(encoded))
            writer.write(encoded)


if __name__ == "__main__":
    main()
