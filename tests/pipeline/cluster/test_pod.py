"""A pod runs a step on staged files, and tells of them by the names that the cluster knows."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.cluster import pod
from pipeline.cluster.platform import RUN_VARIABLE
from pipeline.cluster.uris import EPHEMERAL, STAGING

pytestmark = pytest.mark.graph

# A step of a module of its own, as TFX imports it.
STEP = """
import json
from pathlib import Path
from tfx import v1 as tfx
from tfx.types import standard_artifacts
from components.artifacts import Quarantine, Report
from trainer.errors import DataRefusedError

@tfx.dsl.components.component
def Echo(
    model: tfx.dsl.components.OutputArtifact[standard_artifacts.Model],
    quarantined: tfx.dsl.components.OutputArtifact[Quarantine],
    report: tfx.dsl.components.OutputArtifact[Report],
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    text: tfx.dsl.components.Parameter[str],
    count: tfx.dsl.components.Parameter[int],
) -> tfx.dsl.components.OutputDict(said=str):
    if text == "refuse":
        raise DataRefusedError("the data are too bad")
    if text == "break":
        raise ValueError("something is wrong")
    told = [Path(examples.uri, "part").read_text(), examples.split_names, text, count]
    Path(model.uri, "told.json").write_text(json.dumps(told))
    Path(quarantined.uri, "counts.json").write_text("{}")
    Path(report.uri).write_text("<p>fine</p>")
    model.set_int_custom_property("epochs", 3)
    return {"said": text + "!"}
"""
RUN = "74c1cc77-cb63-40c1-b00f-f4cd1c669a38"


def artifact(uri, title, **metadata):
    return {
        "artifacts": [
            {"uri": uri, "type": {"instanceSchema": f"title: {title}\n"}, "metadata": metadata}
        ]
    }


@dataclass
class Call:
    """A pod's file system, and how it is called."""

    folder: Path
    root: str = "minio://bucket/runs"
    bound: list = field(default_factory=list)
    parameters: dict = field(default_factory=dict)

    @property
    def state(self):
        return self.folder / "state"

    def staged(self, name):
        return self.folder / self.root.replace("://", "/") / name

    @property
    def output(self):
        return json.loads((self.folder / "out" / "output_metadata.json").read_text())

    @property
    def record(self):
        [path] = self.state.glob("runs/*-74c1cc77/steps/Echo/record.json")
        return json.loads(path.read_text())

    def arguments(self):
        call = {
            "inputs": {
                "parameterValues": {"text": "hello", "count": 2, **self.parameters},
                "artifacts": {
                    "examples": artifact(
                        f"{self.root}/examples", "tfx.Examples", split_names='["train"]'
                    )
                },
            },
            "outputs": {
                "parameters": {"said": {"outputFile": str(self.folder / "said")}},
                "artifacts": {
                    "model": artifact(f"{self.root}/model", "tfx.Model"),
                    "quarantined": artifact(f"{self.root}/q", "components.Quarantine"),
                    "report": artifact(f"{self.root}/report", "system.HTML"),
                    "said": artifact(f"{self.root}/said", "tfx.String"),
                },
                "outputFile": str(self.folder / "out" / "output_metadata.json"),
            },
        }
        kinds = {"text": "STRING", "count": "NUMBER_INTEGER"}
        spec = {"parameters": {name: {"parameterType": kind} for name, kind in kinds.items()}}
        return [
            *("--step", "Echo", "--state", str(self.state)),
            *(word for each in self.bound for word in ("--bind", each)),
            *("--executor_class_path", "frostline_echo.Echo_Executor"),
            *("--json_serialized_invocation_args", json.dumps(call)),
            *("--json_serialized_inputs_spec_args", json.dumps(spec)),
            "--runner=FnApiRunner",
        ]


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A call of a pod whose input is staged."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "frostline_echo.py").write_text(STEP)
    monkeypatch.syspath_prepend(modules)
    monkeypatch.setenv("PYTHONPATH", f"{modules}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv(STAGING, str(tmp_path))
    monkeypatch.setenv(RUN_VARIABLE, RUN)
    yield Call(tmp_path)
    sys.modules.pop("frostline_echo", None)


def stage(call):
    call.staged("examples").mkdir(parents=True)
    (call.staged("examples") / "part").write_text("an image")


@pytest.mark.parametrize("scheme", ["minio", "s3", "gs"])
def test_step_reads_and_writes_staged_files_of_any_root(call, scheme):
    call.root = f"{scheme}://bucket/runs"
    stage_at = call.folder / {"gs": "gcs"}.get(scheme, scheme) / "bucket" / "runs"
    (stage_at / "examples").mkdir(parents=True)
    (stage_at / "examples" / "part").write_text("an image")
    assert pod.main(call.arguments()) == 0
    told = json.loads((stage_at / "model" / "told.json").read_text())
    assert told == ["an image", '["train"]', "hello", 2]
    assert (stage_at / "report").read_text() == "<p>fine</p>"
    [model] = call.output["artifacts"]["model"]["artifacts"]
    assert model["uri"] == f"{call.root}/model"
    assert model["metadata"]["epochs"] == 3
    assert call.output["parameterValues"] == {"said": "hello!"}


def test_step_reads_and_writes_on_a_volume(call):
    call.root = str(call.folder / "volume")
    (call.folder / "volume" / "examples").mkdir(parents=True)
    (call.folder / "volume" / "examples" / "part").write_text("an image")
    assert pod.main(call.arguments()) == 0
    [model] = call.output["artifacts"]["model"]["artifacts"]
    assert model["uri"] == f"{call.root}/model"
    assert (call.folder / "volume" / "model" / "told.json").exists()


def test_record_tells_what_ran_and_keeps_its_small_files(call):
    stage(call)
    call.bound, call.parameters = ["made_from="], {"made_from": "digest"}
    assert pod.main(call.arguments()) == 0
    assert call.record["state"] == "ran"
    assert call.record["made_from"] == "digest"
    assert call.record["values"] == {"said": "hello!"}
    assert list(call.record["outputs"]) == ["quarantined"]
    assert list(call.state.glob("runs/*/steps/Echo/quarantined/counts.json"))


def test_bound_parameter_takes_its_place(call):
    stage(call)
    call.bound, call.parameters = ["other=text"], {"other": "bound"}
    assert pod.main(call.arguments()) == 0
    assert call.output["parameterValues"] == {"said": "bound!"}


@pytest.mark.parametrize(("text", "code"), [("refuse", 4), ("break", 1)])
def test_step_that_fails_leaves_its_record_and_the_right_exit_code(call, text, code):
    stage(call)
    call.parameters = {"text": text}
    assert pod.main(call.arguments()) == code
    assert (call.record["state"], call.record["exit_code"]) == ("failed", code)


def test_missing_input_is_named(call, capfd):
    assert pod.main(call.arguments()) == 2
    assert "minio://bucket/runs/examples is not at" in capfd.readouterr().err


def test_half_an_output_of_an_earlier_attempt_is_gone(call):
    stage(call)
    call.staged("model").mkdir(parents=True)
    (call.staged("model") / "half").touch()
    (call.folder / "out").mkdir()
    (call.folder / "out" / "output_metadata.json").write_text('{"parameterValues": {"text": "x"}}')
    assert pod.main(call.arguments()) == 0
    assert [path.name for path in call.staged("model").iterdir()] == ["told.json"]
    assert call.output["parameterValues"] == {"said": "hello!"}


def test_place_that_goes_with_the_pod_is_one_of_this_pod(call, monkeypatch):
    import tempfile

    stage(call)
    (call.folder / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(call.folder / "tmp"))
    call.parameters = {"text": f"{EPHEMERAL}/x"}
    assert pod.main(call.arguments()) == 0
    told = json.loads((call.staged("model") / "told.json").read_text())
    assert told[2] == str(call.folder / "tmp" / "frostline" / "x")
    assert call.output["parameterValues"] == {"said": f"{EPHEMERAL}/x!"}


def test_pod_needs_nothing_of_the_machine_it_was_compiled_on(call):
    stage(call)
    empty = call.folder / "empty"
    empty.mkdir()
    path = os.pathsep.join([str(call.folder / "modules"), str(Path(pod.__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cluster.pod", *call.arguments()],
        cwd=empty,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "HOME": str(empty),
            "TMPDIR": str(empty),
            STAGING: str(call.folder),
            RUN_VARIABLE: RUN,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert call.output["parameterValues"] == {"said": "hello!"}


def test_pod_says_what_it_takes_without_loading_tensorflow():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline.cluster.pod", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--step" in done.stdout
    assert not [line for line in done.stderr.splitlines() if line.endswith(("tensorflow", " tfx"))]
