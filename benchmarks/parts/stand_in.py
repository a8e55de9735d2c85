"""A server process of `frostline serve`, and requests to it, for the benchmarks of serving."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from trainer import features


class Server(NamedTuple):
    """A server process that answers on these ports of this machine."""

    rest_port: int
    grpc_port: int
    process_id: int

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        stat = Path(f"/proc/{self.process_id}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def photos(count: int) -> list[bytes]:
    """JPEGs of a usual photograph's size: 500x375 pixels, about 25 KB; each is another one."""
    rng = np.random.default_rng(0)
    return [_photo(rng) for _ in range(count)]


def _photo(rng: np.random.Generator) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


@contextlib.contextmanager
def serving(model_dir: Path) -> Iterator[Server]:
    """A server process, until the block ends."""
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
        yield Server(ports["REST"], ports["gRPC"], process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def predict(port: int, name: str, images: Sequence[bytes]) -> Callable[[], object]:
    """A request over gRPC, which can be sent again and again."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs[features.INPUT_IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(list(images)))
    return lambda: stub.Predict(request)
