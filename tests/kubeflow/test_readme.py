"""The commands of kubeflow/README.md are those of the programs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.cluster import submit_arguments

KUBEFLOW = Path(__file__).parents[2] / "kubeflow"


def blocks():
    """The shell's blocks; a command that goes on in the next line is one line."""
    text = (KUBEFLOW / "README.md").read_text().replace("\\\n", "")
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def commands(block):
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def test_eight_commands_lead_from_nothing_to_a_schedule():
    lines = blocks()[1].splitlines()
    assert [line.split(".")[0] for line in lines[::2]] == [f"# {n}" for n in range(1, 9)]
    found = commands(blocks()[1])
    assert len(found) == 8
    assert [line.split()[0] for line in found[:4]] == ["docker", "gcloud", "gcloud", "kubectl"]
    assert "schedule" in found[-1]


def test_every_call_of_submit_is_one_that_it_takes():
    text = "\n".join("\n".join(commands(block)) for block in blocks())
    calls = re.findall(r"python kubeflow/submit\.py (.*)", text)
    assert len(calls) == 6
    for call in calls:
        submit_arguments.parser().parse_args(shlex.split(call))


def test_every_file_that_is_named_is_there():
    text = (KUBEFLOW / "README.md").read_text()
    named = set(re.findall(r"kubeflow/[\w./-]+\.(?:py|yaml|toml)|kubeflow/Dockerfile", text))
    assert len(named) >= 5
    assert not [name for name in named if not (KUBEFLOW.parent / name).exists()]


@pytest.mark.graph
def test_the_compile_command_writes_a_pipeline_for_the_gpu(tmp_path, imagenet_weights):
    (command,) = [line for line in commands(blocks()[1]) if "kubeflow/compile.py" in line]
    (names,) = [line for line in commands(blocks()[0]) if "IMAGE" in line]
    (tmp_path / "kubeflow").symlink_to(KUBEFLOW)
    script = f"{names}\nexec {command}".replace("exec python", f"exec {sys.executable}")
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env={**os.environ, "FROSTLINE_WEIGHTS": str(imagenet_weights)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pipeline, platform = yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())
    trainer = pipeline["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
    assert trainer["image"] == "registry.example/team/frostline:1"
    assert "nvidia.com/gpu" in str(trainer["resources"])
    claims = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["Trainer_executor"]
    claim = yaml.safe_load((KUBEFLOW / "state.yaml").read_text())["metadata"]["name"]
    assert claim in str(claims["pvcMount"])
