"""A tiny SavedModel with every kind of signature, and real server processes that serve it."""

import base64
import contextlib
import http.client
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from trainer import features

FROSTLINE = [
    sys.executable,
    "-c",
    "import sys; from pipeline.cli import main; sys.exit(main())",
]


@dataclass(frozen=True)
class Reply:
    """What a REST request was answered with."""

    status: int
    body: bytes
    content_type: str

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json()["error"]


class ServerProcess:
    """`frostline serve --stand-in` in a process of its own, on ports that were free."""

    def __init__(self, model_dir: Path, *options: str) -> None:
        ports = [] if "--rest-port" in options else ["--rest-port", "0", "--grpc-port", "0"]
        self.process = subprocess.Popen(
            [*FROSTLINE, "serve", "--stand-in", "--model-dir", str(model_dir), *ports, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("try"):
                break
        else:
            assert self.process.stderr is not None
            raise RuntimeError("\n".join([*self.lines, self.process.stderr.read()]))
        self.url = next(line.split()[1] for line in self.lines if line.startswith("REST"))
        self.grpc_address = next(line.split()[1] for line in self.lines if line.startswith("gRPC"))
        self.host, port = re.findall(r"//([\d.]+):(\d+)/", self.url)[0]
        self.rest_port = int(port)
        self._connections = threading.local()

    def request(
        self, method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Over one connection a thread, which is kept."""
        if getattr(self._connections, "value", None) is None:
            self._connections.value = http.client.HTTPConnection(
                self.host, self.rest_port, timeout=60
            )
        connection = self._connections.value
        content = body.encode() if isinstance(body, str) else body
        try:
            connection.request(method, path, content, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.read(), reply.getheader("Content-Type", ""))
        except (OSError, http.client.HTTPException):
            connection.close()
            self._connections.value = None
            raise

    def post(self, path: str, document: Any) -> Reply:
        body = document if isinstance(document, bytes | str) else json.dumps(document)
        return self.request("POST", path, body)

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def start_server() -> Callable[..., Any]:
    """Starts a server process for a block: `with start_server(folder, *options) as server`."""

    @contextlib.contextmanager
    def start(model_dir: Path, *options: str) -> Iterator[ServerProcess]:
        server = ServerProcess(model_dir, *options)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.process.kill()
            server.process.communicate()

    return start


@pytest.fixture(scope="session")
def png() -> Callable[[int], bytes]:
    """A PNG whose red is at a level, 0 to 255."""

    def make(red: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (6, 4), (red, 0, 100)).save(file, "PNG")
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def b64() -> Callable[[bytes], dict[str, str]]:
    """Bytes as TF Serving's REST interface takes them."""
    return lambda content: {"b64": base64.b64encode(content).decode()}


@pytest.fixture(scope="session")
def make_version(tmp_path_factory) -> Callable[[Path], Path]:
    """Writes the tiny model to a folder, as Pusher does: `saved_model.pb` comes last.

    The answer's label ends in the folder's name, so that it tells which version answered.
    """
    kept: dict[str, Path] = {}

    def make(folder: Path) -> Path:
        if folder.name not in kept:
            kept[folder.name] = tmp_path_factory.mktemp("model") / folder.name
            _save(kept[folder.name])
        source = kept[folder.name]
        ignore = shutil.ignore_patterns("saved_model.pb")
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=ignore)
        shutil.copy(source / "saved_model.pb", folder)
        return folder

    return make


def _save(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    # A variable: what restores nothing serves nothing.
    module.half = tf.Variable(tf.constant(0.5))  # pyright: ignore[reportAttributeAccessIssue]
    signatures = _signatures(module, folder.name)
    tf.saved_model.save(module, str(folder), signatures)
    _set_methods(folder / "saved_model.pb")
    _write_warmup(folder)


def _signatures(module: Any, version: str) -> dict[str, Any]:
    import tensorflow as tf

    labels = tf.constant([f"cold-{version}", f"warm-{version}"])

    def warmth(image_bytes):
        pixels = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
        return tf.reduce_mean(tf.cast(pixels[..., 0], tf.float32)) / 255 * 2 * module.half

    def images(image_bytes):
        warm = tf.map_fn(warmth, image_bytes, fn_output_signature=tf.float32)
        scores = tf.stack([1 - warm, warm], axis=1)
        return {
            features.OUTPUT_LABEL: tf.gather(labels, tf.argmax(scores, axis=1)),
            features.OUTPUT_SCORE: tf.reduce_max(scores, axis=1),
            features.OUTPUT_SCORES: scores,
            features.OUTPUT_CLASSES: tf.repeat(labels[tf.newaxis], tf.shape(scores)[0], axis=0),
        }

    def slow(rounds):
        start = tf.zeros([300, 300])
        end = tf.while_loop(
            lambda number, _: number < rounds[0],
            lambda number, x: (number + 1, tf.linalg.matmul(x, x) + 1.0),
            [tf.constant(0, tf.int64), start],
            parallel_iterations=1,
        )[1]
        return {"done": tf.repeat(end[0, 0], tf.size(rounds))}

    def examples(inputs):
        spec = {"x": tf.io.FixedLenFeature([], tf.float32, default_value=0.0)}
        return tf.io.parse_example(inputs, spec)["x"]

    def classify(inputs):
        x = examples(inputs)
        names = tf.repeat(tf.constant([["low", "high"]]), tf.size(x), axis=0)
        return {"classes": names, "scores": tf.stack([1 - x, x], axis=1)}  # pyright: ignore[reportOperatorIssue]

    def regress(inputs):
        return {"outputs": examples(inputs) * module.half + 2}

    def function(body, **inputs):
        specs = [tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()]
        return tf.function(body).get_concrete_function(*specs)

    text, several = ([None], tf.string), [None]
    return {
        features.SERVING_SIGNATURE: function(images, image_bytes=text),
        "halve": function(lambda x: {"y": x * module.half + 2}, x=(None, tf.float32)),
        "echo": function(lambda x: {"x_bytes": tf.identity(x), "n": tf.strings.length(x)}, x=text),
        "echo_one": function(lambda x: {"x_bytes": tf.identity(x)}, x=text),
        "types": function(
            lambda i, d, t: {"i": i + 1, "d": d * 2, "t": tf.logical_not(t)},
            i=(several, tf.int64),
            d=(several, tf.float64),
            t=(several, tf.bool),
        ),
        "small": function(lambda x: {"y": tf.identity(x)}, x=(several, tf.int32)),
        "scalar": function(lambda x: {"total": tf.reduce_sum(x)}, x=(several, tf.float32)),
        "uneven": function(
            lambda x: {"all": tf.identity(x), "first": x[:1]}, x=(several, tf.float32)
        ),
        "halves": function(lambda x: {"y": x}, x=(several, tf.float16)),
        "slow": function(slow, rounds=(several, tf.int64)),
        "classify_x": function(classify, inputs=text),
        "regress_x": function(regress, inputs=text),
    }


def _set_methods(path: Path) -> None:
    """TensorFlow 2 writes `predict` everywhere; classify and regress come from other tools."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    definitions = model.meta_graphs[0].signature_def
    for kind in ("classify", "regress"):
        definitions[f"{kind}_x"].method_name = f"tensorflow/serving/{kind}"
    path.write_bytes(model.SerializeToString())


def _write_warmup(folder: Path) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "halve"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0]))
    (folder / "assets.extra").mkdir()
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, make_version) -> Path:
    """A folder that holds versions 1 and 2 of the model `tiny`."""
    folder = tmp_path_factory.mktemp("serving") / "tiny"
    for version in ("1", "2"):
        make_version(folder / version)
    return folder


@pytest.fixture(scope="session")
def server(tiny_model, start_server) -> Iterator[ServerProcess]:
    """A server of the model `tiny`, versions 1 (labelled `stable`) and 2."""
    with start_server(tiny_model, "--label", "stable=1") as process:
        yield process
