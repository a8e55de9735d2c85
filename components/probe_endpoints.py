"""What a probe asks: a SavedModel in a TensorFlow session, or TF Serving over REST.

Both take the bytes of a REST request and give what its JSON reply says.
"""

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components import model_server, serving_container
from components.probe_job import Job
from trainer import features

NAME = "model"
_WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
_POLL_SECONDS = 0.05
_LONG_SECONDS = 86_400.0  # The deadline is kept by the process above.


@dataclass(frozen=True)
class Answer:
    """A reply as JSON, `predictions` or `error`, and how long it took."""

    reply: Mapping[str, Any]
    seconds: float


class Endpoint(Protocol):
    """A model that has been loaded, warm-up and all.

    pid: the process that holds it
    load_seconds: what that took; of TF Serving with its own start
    """

    pid: int
    load_seconds: float

    def answer(self, body: bytes) -> Answer:
        """Answer a REST request `{"instances": [{"b64": ...}, ...]}`."""
        ...


@contextlib.contextmanager
def opened(job: Job) -> Iterator[Endpoint]:
    """Load a model: into TF Serving where there is a program or an image, else into a session."""
    model = Path(job.model)
    if job.server:
        with _serving(model, job.server) as server:
            yield server
    elif job.image:
        with _contained(model, image=job.image, name=job.container) as server:
            yield server
    else:
        yield Session(model)


class Session:
    """Loads by tag, restores with the graph's own restore operation, replays the warm-up.

    That is how TF Serving does it. `tf.saved_model.load` follows Python's object graph and loads
    what TF Serving cannot.
    """

    def __init__(self, model: Path) -> None:
        import tensorflow as tf

        self.pid = os.getpid()
        self._refusal = tf.errors.OpError
        started = time.perf_counter()
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded: Any = tf.compat.v1.saved_model.loader.load(
                self._session, ["serve"], os.fspath(model)
            )
        self._signatures = loaded.signature_def
        for signature, feeds in _warm_up(model / _WARM_UP):
            self._run(signature, feeds)
        self.load_seconds = time.perf_counter() - started

    def answer(self, body: bytes) -> Answer:
        images = [base64.b64decode(one["b64"]) for one in json.loads(body)["instances"]]
        started = time.perf_counter()
        try:
            outputs = self._run(features.SERVING_SIGNATURE, {features.INPUT_IMAGE_BYTES: images})
        except self._refusal as error:
            return Answer({"error": error.message}, time.perf_counter() - started)
        seconds = time.perf_counter() - started
        return Answer(json.loads(json.dumps({"predictions": _rows(outputs)})), seconds)

    def _run(self, signature: str, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        import numpy as np

        chosen = self._signatures[signature]
        fed = {
            chosen.inputs[name].name: np.array(value, object) if isinstance(value, list) else value
            for name, value in feeds.items()
        }
        return self._session.run({key: out.name for key, out in chosen.outputs.items()}, fed)


def _rows(outputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Row by row, as TF Serving replies to `instances`."""
    lists = {name: _text(array.tolist()) for name, array in outputs.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(one) for one in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _warm_up(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Signature and inputs of each recorded request."""
    if not path.exists():
        return
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    for record in tf.compat.v1.io.tf_record_iterator(os.fspath(path)):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        yield request.model_spec.signature_name or features.SERVING_SIGNATURE, inputs


class ModelServer:
    """TF Serving, in a process of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, *, what: str = "TF Serving"
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._port = port
        self._what = what
        started = time.perf_counter()
        while not self._is_available():
            time.sleep(_POLL_SECONDS)
        self.load_seconds = time.perf_counter() - started
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONG_SECONDS)

    def answer(self, body: bytes) -> Answer:
        started = time.perf_counter()
        self._connection.request("POST", f"/v1/models/{NAME}:predict", body)
        content = self._connection.getresponse().read()
        return Answer(json.loads(content), time.perf_counter() - started)

    def _is_available(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"{self._what} ended with code {self._process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_LONG_SECONDS)
        with contextlib.closing(connection):
            try:
                connection.request("GET", f"/v1/models/{NAME}")
                status = json.loads(connection.getresponse().read())
            except OSError:  # It does not listen yet.
                return False
        versions = status.get("model_version_status", ())
        broken = [each["status"]["error_message"] for each in versions if each["state"] == "END"]
        if broken:
            raise RuntimeError(f"TF Serving cannot load the model: {broken[0]}")
        return any(each["state"] == "AVAILABLE" for each in versions)


@contextlib.contextmanager
def _serving(model: Path, program: str) -> Iterator[ModelServer]:
    grpc_port, rest_port = _free_ports()
    words = model_server.listening(program, grpc_port=grpc_port, rest_port=rest_port)
    words += model_server.one_model(NAME, model.parent)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        yield ModelServer(process, rest_port)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _contained(model: Path, *, image: str, name: str) -> Iterator[ModelServer]:
    rest_port, _ = _free_ports()
    words = serving_container.command(
        image=image, name=name, model=model, model_name=NAME, rest_port=rest_port
    )
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        server = ModelServer(process, rest_port, what=f"`docker run {image}`")
        server.pid = serving_container.process_of(name)
        yield server
    finally:
        serving_container.remove(name)
        process.wait()


def _free_ports() -> tuple[int, int]:
    """Ports that were free a moment ago: TF Serving takes 0 for none."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
