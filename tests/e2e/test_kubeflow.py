"""The compiled pipeline, pod by pod on this machine, against the local run of the same settings.

Every step of it imports TensorFlow anew, so there are two such runs: some six minutes.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

KUBEFLOW = Path(__file__).parents[2] / "kubeflow"
# All that conftest's QUICK sets is set here, too: compile.py knows nothing of QUICK.
SETTINGS = {
    "image.size": 75,
    "model.cut": "mixed1",
    "train.epochs": 2,
    "train.learning_rate": 0.02,
    "train.batch_size": 16,
    "push.untrained": "true",
    "evaluate.thresholds.accuracy.min": 0.01,
}
ON_CLUSTER = {
    "kubeflow.state": '"/state"',
    "kubeflow.volumes": '[{claim="state", path="/state"}, {claim="data", path="/data"}]',
}


@dataclass(frozen=True)
class Executed:
    """A run of the compiled file that has ended."""

    exit_code: int
    stdout: str
    states: dict[str, str]
    summary: dict


def words(settings):
    return [word for item in settings.items() for word in ("--set", "{}={}".format(*item))]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "state").mkdir()
    return folder


@pytest.fixture(scope="module")
def data(place, split_images):
    """What the claim `data` holds: the images, and the same with many broken ones."""
    folder = place / "data"
    shutil.copytree(split_images, folder / "good")
    shutil.copytree(split_images, folder / "bad")
    for number in range(20):
        (folder / "bad" / "train" / "cold" / f"broken-{number}.jpg").write_text("no image")
    return folder


def call(script, *arguments):
    environ = {**os.environ, "PYTHONPATH": str(KUBEFLOW.parent)}
    return subprocess.run(
        [sys.executable, KUBEFLOW / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env=environ,
    )


@pytest.fixture(scope="module")
def compiled(place):
    file = place / "pipeline.yaml"
    ended = call(
        *("compile.py", "--data", "/data/good", "--weights", "random", "--image", "here/it:1"),
        *("--root", "gs://b/root", "-o", file, *words({**SETTINGS, **ON_CLUSTER})),
    )
    assert ended.returncode == 0, ended.stderr
    return file


@pytest.fixture(scope="module")
def execute(place, data, compiled):
    def run(*arguments):
        ended = call(
            *("run_compiled.py", compiled, "--bucket", place / "bucket"),
            *("--volume", f"state={place / 'state'}", "--volume", f"data={data}"),
            *arguments,
        )
        files = place.glob("bucket/runs/*/run.json")
        file = max(files, key=lambda file: file.stat().st_mtime_ns)
        steps = json.loads(file.read_text())["steps"]
        (summary,) = place.glob(f"bucket/gcs/b/root/*/{file.parent.name}/Summary/*/summary*")
        summary = summary if summary.is_file() else next(summary.glob("*.json"))
        states = {step["name"].rsplit("/", 1)[-1]: step["state"] for step in steps}
        return Executed(ended.returncode, ended.stdout, states, json.loads(summary.read_text()))

    return run


@pytest.fixture(scope="module")
def local(frostline, place, data):
    return frostline.run(
        data=data / "good", work_dir=place / "w", weights="random", settings=SETTINGS
    )


@pytest.fixture(scope="module")
def executed(execute):
    return execute()


def test_every_step_runs_in_a_pod_of_its_own(executed):
    assert executed.exit_code == 0, executed.stdout
    assert set(executed.states.values()) == {"ran"}
    assert {"Prepare", "ImageExampleGen", "Trainer", "Pusher", "Summary"} <= executed.states.keys()


def test_pushed_model_is_that_of_the_local_run(executed, local, place):
    (here,) = local.work_dir.glob("serving/*/[0-9]*")
    (there,) = place.glob("state/serving/*/[0-9]*")

    for name in ("saved_model.pb", "variables/variables.data-00000-of-00001"):
        assert (there / name).read_bytes() == (here / name).read_bytes(), name


def test_metrics_are_those_of_the_local_run(executed, local):
    there, here = executed.summary["evaluation"], local.summary["evaluation"]

    numbers = {name: value for name, value in here.items() if isinstance(value, float)}
    assert numbers
    # TFMA sums in no fixed order: the log losses of two local runs differ by 1e-6 of themselves.
    for name, value in numbers.items():
        np.testing.assert_allclose(there[name], value, rtol=1e-5, err_msg=name)


def test_summary_tells_of_every_step(executed):
    assert executed.summary["status"] == "pushed"
    told = {step["name"]: step["state"] for step in executed.summary["steps"]}
    assert told == {name: state for name, state in executed.states.items() if name != "Summary"}


def test_refused_data_stops_the_run_and_the_summary_says_so(executed, execute):
    refused = execute("--parameter", "data=/data/bad")

    assert refused.exit_code == 1
    assert refused.states["DataGate"] == "failed"
    assert refused.states["Summary"] == "ran"
    assert refused.states["Trainer"] == refused.states["Pusher"] == "skipped"
    assert "DataGate: exit code 4" in refused.stdout
    assert refused.summary["status"] == "refused"
