"""`frostline serve` becomes TF Serving where that is on the PATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.model_server import PROGRAM
from pipeline.serving import model_server
from pipeline.serving.settings import Batching, ServerSettings, VersionPolicy, WatchedModel

COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "w" / "serving" / "cats" / "1"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    return folder.parent


@pytest.fixture
def path_with_tf_serving(tmp_path):
    """A PATH on which `tensorflow_model_server` prints what it is told."""
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def serve(path, *arguments):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "serve", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": path},
    )


def test_tf_serving_on_the_path_gets_the_same_settings(path_with_tf_serving, model):
    options = ["--rest-port", "1234", "--grpc-port", "0", "--timeout-ms", "5000"]
    answer = serve(path_with_tf_serving, "--model-dir", model, *options)
    first, *words = answer.stdout.splitlines()
    assert "serves, on every address of this machine; --stand-in keeps to one" in first
    assert {
        "--rest_api_port=1234",
        "--port=0",
        "--rest_api_timeout_in_ms=5000",
        "--file_system_poll_wait_seconds=1",
        "--model_name=cats",
        f"--model_base_path={model}",
    } <= set(words)
    assert answer.returncode == 0


def test_tf_serving_is_not_asked_to_keep_to_an_address(path_with_tf_serving, model):
    # It cannot; so the stand-in is to do it, and this port is no port of this user's.
    options = ["--host", "192.0.2.1", "--rest-port", "0"]
    answer = serve(path_with_tf_serving, "--model-dir", model, *options)
    assert "listens on every address, so the stand-in serves on 192.0.2.1" in answer.stdout
    assert "cannot listen on 192.0.2.1:0" in answer.stderr
    assert answer.returncode == 2


def test_several_models_labels_and_batching_go_into_files(tmp_path):
    models = [
        WatchedModel(name="cats", base_path=tmp_path / "cats"),
        WatchedModel(
            name='d"ogs',
            base_path=tmp_path / "dogs",
            policy=VersionPolicy(everything=True),
            labels={"stable": 3},
        ),
    ]
    settings = ServerSettings(batching=Batching(max_batch_size=8, threads=2))
    words = dict(
        word.split("=", 1)
        for word in model_server.command("program", models=models, settings=settings)[1:]
    )
    assert "--model_name" not in words
    assert "max_batch_size { value: 8 }" in Path(words["--batching_parameters_file"]).read_text()
    text = Path(words["--model_config_file"]).read_text()
    assert 'name: "cats"' in text
    assert 'name: "d\\"ogs"' in text
    assert "model_version_policy { all {} }" in text


@pytest.mark.graph
def test_config_is_what_the_genuine_proto_reads(tmp_path):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    from pipeline.serving.model_configs import watched_models

    models = [
        WatchedModel(name="cats", base_path=tmp_path / "cats"),
        WatchedModel(
            name='d"ogs',
            base_path=tmp_path / "dogs",
            policy=VersionPolicy(everything=True),
            labels={"stable": 3},
        ),
    ]
    config = text_format.Parse(
        model_server.model_config(models),
        model_server_config_pb2.ModelServerConfig(),  # pyright: ignore[reportAttributeAccessIssue]
    )
    assert watched_models(config) == models


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rest-port", "9", "--grpc-port", "9"], "--rest-port 9 is --grpc-port, too"),
        (["--rest-port", "70000"], "should be a port, 0 to 65535: 70000"),
        (["--label", "stable"], "should be NAME=VERSION, as in stable=3: stable"),
        (["--poll-seconds", "0"], "should be seconds, 0.01 to 86400: 0"),
        (["--max-pending", "0"], "should be a whole number from 1: 0"),
        (["--model-name", "a/b"], "should hold no '/', ':' or space"),
    ],
)
def test_wrong_options_are_told(model, options, message):
    answer = serve(os.environ["PATH"], "--model-dir", model, *options)
    assert answer.returncode == 2
    assert message in answer.stderr
