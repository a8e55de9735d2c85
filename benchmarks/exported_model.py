"""The exported model against what Keras exports of the same network, behind the same server.

Both are Inception V3 up to `mixed8` at 299 pixels with a linear head, from the bytes of JPEG files
to scores, each in a stand-in server of its own, asked in turn over gRPC. Keras' has the front that
one would write: decode, resize, scale. Ours reads every format, turns by EXIF, resizes with
antialiasing, and bears broken images. Each line of JSON has medians in milliseconds a request;
`cpu_ratio` is the same ratio in seconds of CPU, which other work on the machine disturbs less.

Without a weights file the base is random; it costs the same.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from parts import stand_in

from trainer import backbone, folded, model, precision, run, signatures
from trainer.served import Served
from trainer.settings import ImageSettings, ModelSettings

SIZE, CUT = 299, "mixed8"
LABELS = ("cats", "dogs")
ROUNDS = {1: 150, 32: 15}


def main() -> None:
    """Print the lines."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--weights", type=Path, help="Inception V3's; random without")
    arguments.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        base, head = network(chosen.weights)
        export(base, head, place / "ours" / "1", chosen.precision)
        _export_by_keras(base, head, place / "keras" / "1")
        with (
            stand_in.serving(place / "ours") as ours,
            stand_in.serving(place / "keras") as yardstick,
        ):
            for batch_size, rounds in ROUNDS.items():
                _compare({"ours": ours, "keras": yardstick}, batch_size, rounds)


def network(weights: Path | None) -> tuple[keras.Model, keras.Model]:
    """The base, and the head on it."""
    base = backbone.build(size=SIZE, weights=weights, cut=CUT)
    settings = ModelSettings(cut=CUT, pooled_blocks=1, normalize=False)
    image = ImageSettings(size=SIZE)
    return base, model.build(base, image=image, model=settings, class_count=len(LABELS)).head


def export(base: keras.Model, head: keras.Model, folder: Path, chosen: Any) -> None:
    """What a run exports."""
    frozen = folded.fold(base, image=ImageSettings(size=SIZE), precision=precision.choose(chosen))
    served = Served(frozen, head, is_pooled=True)
    server = signatures.Server(served, labels=LABELS, size=SIZE)
    signatures.export(server, str(folder))
    pictures = stand_in.photos(8)
    signatures.write_warmup(str(folder), pictures, batch_sizes=run.WARMUP_BATCH_SIZES)


def _export_by_keras(base: keras.Model, head: keras.Model, folder: Path) -> None:
    pixels = keras.Input((SIZE, SIZE, 3))
    features = base(keras.layers.Rescaling(1 / 127.5, -1.0)(pixels))
    whole = keras.Model(pixels, head(keras.layers.GlobalAveragePooling2D()(features)))

    def pixels_of(encoded: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(encoded, channels=3)
        return tf.image.resize(image, [SIZE, SIZE])

    def serve(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = tf.TensorSpec([SIZE, SIZE, 3])
        return {"scores": whole(tf.map_fn(pixels_of, image_bytes, fn_output_signature=spec))}

    archive: Any = keras.export.ExportArchive()
    archive.track(whole)
    signature = [tf.TensorSpec([None], tf.string, name="image_bytes")]
    archive.add_endpoint("serving_default", serve, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _compare(servers: Mapping[str, stand_in.Server], batch_size: int, rounds: int) -> None:
    images = stand_in.photos(batch_size)
    calls = [stand_in.predict(server.grpc_port, name, images) for name, server in servers.items()]
    for call in calls * 3:
        call()
    before = [server.cpu_seconds() for server in servers.values()]
    took = [[milliseconds(call) for call in calls] for _ in range(rounds)]
    ours, other = (
        server.cpu_seconds() - so_far
        for server, so_far in zip(servers.values(), before, strict=True)
    )
    _report(batch_size, took, cpu_ratio=other / ours)


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _report(batch_size: int, rounds: Sequence[Sequence[float]], *, cpu_ratio: float) -> None:
    ours, yardstick = (sorted(column) for column in zip(*rounds, strict=True))
    ratios = [other / own for own, other in rounds]
    line = {
        "name": f"exported_model_batch_{batch_size}",
        "ours": statistics.median(ours),
        "yardstick": statistics.median(yardstick),
        "ratio": statistics.median(ratios),
        "cpu_ratio": cpu_ratio,
        "p99_ms": ours[int(0.99 * len(ours))],
        "yardstick_p99_ms": yardstick[int(0.99 * len(yardstick))],
        "images_per_second": 1000 * batch_size / statistics.median(ours),
        "yardstick_images_per_second": 1000 * batch_size / statistics.median(yardstick),
    }
    print(json.dumps({key: _rounded(each) for key, each in line.items()}), flush=True)


def _rounded(value: str | float) -> str | float:
    return value if isinstance(value, str) else round(value, 2)


if __name__ == "__main__":
    main()
