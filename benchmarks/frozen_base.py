"""The frozen base against what one would use without it: Keras, its export, and OpenVINO.

All sides run the same network on the same images and take turns, round by round. Each line of JSON
has the medians over the rounds, in images a second or in milliseconds; `cpu_ratio` is the same
ratio in seconds of CPU, which other work on the machine disturbs less. `share_of_matmul` lines hold
the base against TensorFlow's own product of two 4096x4096 matrices, in GFLOP/s.

OpenVINO is installed from the package registry into build/openvino-venv, once. Without a weights
file the base is random; it costs the same.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone, folded, folding, images
from trainer.processor import Precision
from trainer.settings import ImageSettings

OPENVINO = "openvino==2026.4.1"
BATCH = 64
MATRIX = 4096
CUTS = {150: "mixed7", 299: "mixed8"}


class Cost(NamedTuple):
    """What some work took, in seconds."""

    wall: float
    cpu: float


Side = Callable[[], Cost]


def main() -> None:
    """Print the lines."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--weights", type=Path, help="Inception V3's; random without")
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    for size in CUTS:
        network = _network(size, chosen.weights)
        _compare_forward(network, size, chosen.rounds)
        with tempfile.TemporaryDirectory() as folder:
            _compare_served(network, size, chosen.rounds, Path(folder))


def _network(size: int, weights: Path | None) -> keras.Model:
    network = backbone.build(size=size, weights=weights, cut=CUTS[size])
    if weights is None:
        backbone.calibrate(network, tf.constant(_pixels(32, size) / 127.5 - 1, tf.float32))
    return network


def _pixels(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def _compare_forward(network: keras.Model, size: int, rounds: int) -> None:
    """Keras, the folded base and the matrix product, all in turn."""
    pixels = _pixels(BATCH, size)
    scaled = (pixels / 127.5 - 1).astype(np.float32)
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    ours = {precision: _folded(network, size, precision) for precision in precisions}
    fed = tf.constant(pixels)
    sides = {"keras": _timed(lambda: network.predict(scaled, BATCH, verbose=0))}  # pyright: ignore[reportArgumentType]  Keras documents 0
    for precision in precisions:
        sides[precision] = _timed(lambda precision=precision: ours[precision](fed).numpy())
        sides[f"matmul_{precision}"] = _matmul(precision)
    costs = _in_turn(sides, rounds)
    at = f"{size}_{CUTS[size]}"
    work = {"matmul": 2 * MATRIX**3 / 1e9, "base": BATCH * _flops(network) / 1e9}
    for precision in precisions:
        _report(f"images_per_second_{precision}_{at}", costs[precision], costs["keras"], BATCH)
        _report(
            f"share_of_matmul_{precision}_{at}",
            costs[precision],
            costs[f"matmul_{precision}"],
            work["base"],
            work["matmul"],
        )


def _folded(network: keras.Model, size: int, precision: Precision) -> Callable[..., tf.Tensor]:
    base = folded.fold(network, image=ImageSettings(size=size), precision=precision)
    return tf.function(lambda pixels: base(pixels).map)


def _matmul(precision: Precision) -> Side:
    matrix = tf.cast(tf.random.normal((MATRIX, MATRIX)), precision)
    return _timed(lambda: tf.matmul(matrix, matrix).numpy())


def _flops(network: keras.Model) -> int:
    """Multiplications and additions in the convolutions, an image."""
    steps = folding.fold(network, factor=1, offset=0)
    total = 0
    for layer in network.layers:
        step = steps.get(layer.name)
        if isinstance(layer, keras.layers.Conv2D) and isinstance(step, folding.Convolution):
            _, height, width, _ = network.get_layer(layer.name).output.shape
            total += 2 * height * width * step.kernel.size
    return total


def _compare_served(network: keras.Model, size: int, rounds: int, folder: Path) -> None:
    """SavedModels from pixels to pooled features, one by one and 64 at once."""
    _export_plain(network, size, folder / "plain")
    _export_folded(network, size, folder / "folded")
    ours, plain = (_serving(folder / name, size) for name in ("folded", "plain"))
    with _openvino(folder / "plain", size) as openvino:
        for batch_size, times, unit in ((1, 20, "latency_ms"), (BATCH, 2, "images_per_second")):
            sides = {
                name: side(batch_size, times)
                for name, side in {"ours": ours, "plain": plain, **openvino}.items()
            }
            costs = _in_turn(sides, rounds)
            for name in ("plain", *openvino):
                _report(
                    f"served_{unit}_against_{name}_{size}_{CUTS[size]}",
                    costs["ours"],
                    costs[name],
                    batch_size * times,
                    in_milliseconds=batch_size == 1,
                )


def _export_plain(network: keras.Model, size: int, folder: Path) -> None:
    """What Keras' own `export` makes of the network."""
    factor, offset = images.scaling_constants("minus_one_to_one")
    pixels = keras.Input((size, size, 3), name="pixels", dtype="uint8")
    x = network(keras.layers.Rescaling(factor, offset)(pixels))
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(pixels, pooled).export(str(folder), verbose=False)


def _export_folded(network: keras.Model, size: int, folder: Path) -> None:
    base = folded.fold(network, image=ImageSettings(size=size), precision="bfloat16")
    spec = tf.TensorSpec([None, size, size, 3], tf.uint8, name="pixels")
    serve = tf.function(lambda pixels: {"pooled": base(pixels).means[-1]}, [spec])
    tf.saved_model.save(base, str(folder), signatures=serve)


def _serving(folder: Path, size: int) -> Callable[[int, int], Side]:
    """A model as a server loads it: (images at once, times) -> a side."""
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def side(batch_size: int, times: int) -> Side:
        pixels = tf.constant(_pixels(batch_size, size))

        def work() -> None:
            for _ in range(times):
                [answer] = signature(pixels=pixels).values()
                answer.numpy()
            assert loaded.signatures  # The functions live as long as what was loaded.

        return _timed(work)

    return side


@contextmanager
def _openvino(saved_model: Path, size: int) -> Any:
    """OpenVINO in a process of its own, by its name; nothing where it cannot be installed."""
    python = _openvino_python()
    if python is None:
        yield {}
        return
    script = Path(__file__).parent / "opponents" / "openvino_forward.py"
    command = [python, script, saved_model, str(size)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:

        def side(batch_size: int, times: int) -> Side:
            def run() -> Cost:
                assert process.stdin
                assert process.stdout
                print(batch_size, times, file=process.stdin, flush=True)
                return Cost(*map(float, process.stdout.readline().split()))

            return run

        yield {"openvino": side}
        assert process.stdin
        process.stdin.close()


def _openvino_python() -> Path | None:
    venv = Path(__file__).parents[1] / "build" / "openvino-venv"
    installed = venv / OPENVINO
    if not installed.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, OPENVINO], check=False).returncode:
            print(f"{OPENVINO} cannot be installed: left out", file=sys.stderr)
            return None
        installed.touch()
    return venv / "bin" / "python"


def _timed(work: Callable[[], object]) -> Side:
    def side() -> Cost:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)

    return side


def _in_turn(sides: Mapping[str, Side], rounds: int) -> dict[str, list[Cost]]:
    for side in sides.values():
        side()
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            costs[name].append(side())
    return costs


def _report(
    name: str,
    ours: list[Cost],
    yardstick: list[Cost],
    work: float,
    yardstick_work: float | None = None,
    *,
    in_milliseconds: bool = False,
) -> None:
    """`ratio` is above 1 where ours is the quicker."""
    other = work if yardstick_work is None else yardstick_work
    rates = [
        statistics.median(amount / cost.wall for cost in costs)
        for costs, amount in ((ours, work), (yardstick, other))
    ]
    ratios = {
        key: statistics.median(
            work / getattr(one, field) / (other / getattr(two, field))
            for one, two in zip(ours, yardstick, strict=True)
        )
        for key, field in (("ratio", "wall"), ("cpu_ratio", "cpu"))
    }
    shown = [1000 / rate if in_milliseconds else rate for rate in rates]
    line = {"name": f"frozen_base_{name}", "ours": shown[0], "yardstick": shown[1], **ratios}
    rounded = {key: each if key == "name" else round(each, 2) for key, each in line.items()}
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    main()
