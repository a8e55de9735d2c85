"""A model that a run has pushed, behind `frostline serve`, over REST and gRPC."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def pushed(frostline, split_images, made_weights, tmp_path_factory):
    run = frostline.run(
        data=split_images, work_dir=tmp_path_factory.mktemp("pushed") / "w", weights=made_weights
    )
    assert run.exit_code == 0, run.stderr
    return run.work_dir


@contextlib.contextmanager
def serving(work_dir):
    """`frostline serve` on free ports: its URL and gRPC address, for a block."""
    command = [Path(sys.executable).with_name("frostline"), "serve", "--stand-in"]
    command += ["--model-dir", work_dir, "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(
        [os.fspath(word) for word in command], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = {}
        for line in process.stdout:
            kind, _, rest = line.partition(" ")
            lines[kind] = rest.strip()
            if kind == "try":
                break
        yield lines["REST"], lines["gRPC"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def answers(ended):
    assert ended.exit_code == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_served_model_answers_as_the_pushed_files_do(frostline, pushed, split_images):
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    folder = split_images / "validation"
    from_disk = answers(frostline("predict", "--model", pushed, folder))
    with serving(pushed) as (url, grpc_address):
        served = answers(frostline("predict", "--model", url, folder))
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "frostline"
        images = [Path(row["path"]).read_bytes() for row in from_disk]
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(images))
        with grpc.insecure_channel(grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            labels = stub.Predict(request).outputs["label"].string_val
    assert [row["label"] for row in served] == [row["label"] for row in from_disk]
    assert [label.decode() for label in labels] == [row["label"] for row in from_disk]
    for one, other in zip(served, from_disk, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)
