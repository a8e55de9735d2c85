"""What `frostline serve`'s stand-in adds to a bare call of the signature, at batch 1.

Ours is the median latency of a request to a server process on this machine, over one REST
connection that is kept; the yardstick is the same signature called in this process, from the
file's bytes to NumPy arrays. They alternate call by call. Without an argument the model is a tiny
one, made here; a folder that `frostline serve --model-dir` takes may be named instead.
"""

import argparse
import base64
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from parts import stand_in

from pipeline.serving.model_folders import version_folders, watched_models
from trainer import features

CALLS = 500


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, help="default: a tiny model, made here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model_dir = options.model_dir or _tiny_model(Path(folder) / "tiny")
        model = watched_models(model_dir)[0]
        versions = version_folders(model.base_path) or {}
        [photo] = stand_in.photos(1)
        with stand_in.serving(model_dir) as server:
            bare = _bare(versions[max(versions)], photo)
            rest = _rest(server.rest_port, model.name, photo)
            rpc = _warmed(stand_in.predict(server.grpc_port, model.name, [photo]))
            calls = (bare, rest, rpc)
            rounds = [[_milliseconds(call) for call in calls] for _ in range(CALLS)]
    yardstick, ours, over_grpc = (statistics.median(column) for column in zip(*rounds, strict=True))
    result = {
        "name": "serving_p50_ms_at_batch_1",
        "ours": round(ours, 2),
        "yardstick": round(yardstick, 2),
        "ratio": round(ours / yardstick, 2),
        "overhead_ms": round(ours - yardstick, 2),
        "grpc_overhead_ms": round(over_grpc - yardstick, 2),
        "model": "tiny" if options.model_dir is None else model.name,
    }
    print(json.dumps(result))


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _tiny_model(folder: Path) -> Path:
    labels = tf.constant(["cold", "warm"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        warmth = tf.map_fn(_warmth, image_bytes, fn_output_signature=tf.float32)
        scores = tf.stack([1 - warmth, warmth], axis=1)
        return {
            features.OUTPUT_LABEL: tf.gather(labels, tf.argmax(scores, axis=1)),
            features.OUTPUT_SCORE: tf.reduce_max(scores, axis=1),
            features.OUTPUT_SCORES: scores,
            features.OUTPUT_CLASSES: tf.repeat(labels[tf.newaxis], tf.shape(scores)[0], axis=0),
        }

    module = tf.Module()
    tf.saved_model.save(module, str(folder / "1"), {features.SERVING_SIGNATURE: serve})
    return folder


def _warmth(image_bytes: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    return tf.reduce_mean(tf.cast(pixels[..., 0], tf.float32)) / 255


def _bare(folder: Path, photo: bytes) -> Callable[[], object]:
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures[features.SERVING_SIGNATURE]

    def call() -> object:
        outputs = signature(**{features.INPUT_IMAGE_BYTES: tf.constant([photo])})
        # The model lives as long as the call does.
        return {name: value.numpy() for name, value in outputs.items()}, loaded

    return _warmed(call)


def _rest(port: int, name: str, photo: bytes) -> Callable[[], object]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"instances": [{"b64": base64.b64encode(photo).decode()}]})

    def call() -> object:
        connection.request("POST", f"/v1/models/{name}:predict", body)
        reply = connection.getresponse()
        answer = reply.read()
        if reply.status != 200:
            raise RuntimeError(answer.decode())
        return answer

    return _warmed(call)


def _warmed(call: Callable[[], object]) -> Callable[[], object]:
    for _ in range(20):
        call()
    return call


if __name__ == "__main__":
    main()
