"""Images a second from folder to TFRecord, with processes side by side, and whether memory is flat.

Speed: the yardstick is a bare loop that reads each file, decodes it with the decoder that serves,
and writes it to a TFRecord: what validation needs and no more. Both sides alternate in one run, on
one core and the same 3000 made photographs (500x375 JPEG, about 60 KB). Ours also measures each
image's properties and its likeness, writes Examples, and looks for duplicates.

Processes: `beam.runner = "multi_processing"` against `in_process`, the yardstick, on all cores and
`--many` photographs, from the listing to the counts. The start of the workers is part of it.

Memory: the peak resident set of a process of its own that ingests `--many` photographs, and of
one that ingests 1,000, the yardstick.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
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
SOME = 3000
ROUNDS = 3
RUNNERS = ("multi_processing", "in_process")


def main() -> None:
    """Print a line of JSON for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runner", choices=RUNNERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if options.seconds_of:
            print(_seconds_by(options.runner, options.seconds_of, place))
            return
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        if options.peak_of:
            _ingested(options.peak_of, place)
            print(_peak_megabytes())
            return
        _print_speed(_made(place / "some", SOME), place)
        few, many = _made(place / "few", FEW), _made(place / "many", options.many)
        _print_processes(many, options.many)
        _print_memory(few, many, options.many)


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
    _print("ingestion_images_per_second", rounds)


def _print_processes(data: Path, count: int) -> None:
    command = [sys.executable, __file__, "--seconds-of", str(data), "--runner"]
    rounds = []
    for _ in range(ROUNDS):
        ours, in_process = (count / float(_last_line([*command, runner])) for runner in RUNNERS)
        rounds.append((ours, in_process))
    _print(f"ingestion_images_per_second_by_processes_{count}_images", rounds)


def _print_memory(few: Path, many: Path, count: int) -> None:
    command = [sys.executable, __file__, "--peak-of"]
    ours, yardstick = (float(_last_line([*command, str(data)])) for data in (many, few))
    _print(f"ingestion_peak_megabytes_{count}_images_against_{FEW}", [(ours, yardstick)])


def _peak_megabytes() -> int:
    """Not ru_maxrss, which begins at the peak of the process that started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def _print(name: str, rounds: Sequence[tuple[float, float]]) -> None:
    result = {
        "name": name,
        "ours": round(statistics.median(ours for ours, _ in rounds)),
        "yardstick": round(statistics.median(yardstick for _, yardstick in rounds)),
        "ratio": round(statistics.median(ours / yardstick for ours, yardstick in rounds), 2),
    }
    print(json.dumps(result), flush=True)


def _last_line(command: Sequence[str]) -> str:
    cores = os.sched_getaffinity(1)
    run = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return run.stdout.splitlines()[-1]


def _images_a_second(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return SOME / (time.perf_counter() - started)


def _seconds_by(runner: str, data: Path, out: Path) -> float:
    # TFMA with its seconds of imports comes with the graph.
    from pipeline import beam_workers, graph
    from pipeline.config import BeamSettings, Config

    config = Config(beam=BeamSettings.model_validate({"runner": runner}))
    with beam_workers.prepared(workers=config.beam.workers):
        started = time.perf_counter()
        _ingested(data, out, arguments=graph.beam_pipeline_args(config))
        return time.perf_counter() - started


def _ingested(
    data: Path, out: Path, *, arguments: Sequence[str] = ("--runner=FnApiRunner",)
) -> None:
    image_example_gen.ingest(
        beam.Pipeline(argv=list(arguments)),
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
