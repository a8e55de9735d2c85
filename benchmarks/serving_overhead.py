"""What `frostline serve`'s stand-in adds to a bare call of the signature, at batch 1.

Ours is the median latency of a request to a server process on this machine, over one REST
connection that is kept; the yardstick is the same signature called in this process, from the
file's bytes to NumPy arrays. They alternate call by call. Without an argument the model is a tiny
one, made here; a folder that `frostline serve --model-dir` takes may be named instead.
"""

import argparse
import base64
import contextlib
import http.client
import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

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
        photo = _photo()
        with _server(model_dir) as (rest_port, grpc_port):
            bare = _bare(versions[max(versions)], photo)
            rest = _rest(rest_port, model.name, photo)
            rpc = _rpc(grpc_port, model.name, photo)
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


def _photo() -> bytes:
    """A JPEG of a usual photograph's size: about 25 KB."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


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


def _rpc(port: int, name: str, photo: bytes) -> Callable[[], object]:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(
        grpc.insecure_channel(f"127.0.0.1:{port}")
    )
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs[features.INPUT_IMAGE_BYTES].CopyFrom(tf.make_tensor_proto([photo]))
    return _warmed(lambda: stub.Predict(request))


def _warmed(call: Callable[[], object]) -> Callable[[], object]:
    for _ in range(20):
        call()
    return call


@contextlib.contextmanager
def _server(model_dir: Path) -> Iterator[tuple[int, int]]:
    """A server process, until the block ends: its REST and gRPC ports."""
    command = [
        *(str(Path(sys.executable).with_name("frostline")), "serve", "--stand-in"),
        *("--model-dir", str(model_dir), "--rest-port", "0", "--grpc-port", "0"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        ports = {}
        assert process.stdout is not None
        for line in process.stdout:
            for kind in ("REST", "gRPC"):
                if line.startswith(kind):
                    ports[kind] = int(re.split(r"127\.0\.0\.1:", line)[1].split("/")[0])
            if len(ports) == 2:
                break
        yield ports["REST"], ports["gRPC"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    main()
