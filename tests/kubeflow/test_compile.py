"""What kubeflow/compile.py writes, prints and refuses; golden files hold the documents.

`make golden` writes the golden files anew: review them as a diff.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.cluster import compile_command, documents
from pipeline.cluster.graphs import tasks

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
PLACES = ("--image", "registry.example/frostline:1", "--root", "gs://bucket/runs")
RANDOM = ("--weights", "random", "--set", "push.untrained=true")
CASES = {
    "cpu": ("--preset", "sample", "--weights", "random"),
    "gpu": (
        *("--data", "gs://bucket/photos", "--span", "2..4", *RANDOM),
        *("--set", "kubeflow.accelerator=gpu", "--set", "kubeflow.state=/mnt/frostline"),
        *("--set", 'kubeflow.volumes=[{claim="frostline", path="/mnt/frostline"}]'),
        *("--set", 'kubeflow.secrets=[{name="gcs", path="/secrets/gcs", env={key="KEY"}}]'),
        *("--set", 'kubeflow.gpu.node_selector={"cloud.google.com/gke-accelerator"="nvidia-l4"}'),
        "--set",
        'kubeflow.steps.Trainer={cpu_request="500m", cpu_limit="4", memory_request="8Gi", '
        'memory_limit="16G", retries=2, deadline_seconds=3600, shm_gigabytes=2.5, env={A="b"}, '
        'node_selector={"pool"="train"}, tolerations=[{key="train", effect="NoSchedule"}]}',
        *("--set", "kubeflow.steps.Evaluator.cache=false"),
    ),
    "tpu": (
        *("--data", "s3://bucket/photos", *RANDOM, "--set", "tune.enabled=true"),
        *("--set", "kubeflow.accelerator=tpu", "--set", "kubeflow.tpu.topology=2x4"),
        *("--set", "kubeflow.tpu.count=8", "--set", "kubeflow.cache=false"),
    ),
}


def run(*words):
    return compile_command.main([*words])


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compiles a case once, and answers the file."""
    made = {}

    def compile_case(name):
        if name not in made:
            path = tmp_path_factory.mktemp("compiled") / f"{name}.yaml"
            assert run(*CASES[name], *PLACES, "-o", str(path)) == 0
            made[name] = path
        return made[name]

    return compile_case


def normalised(value):
    """Without digests, and texts that hold JSON taken apart: a diff tells what has changed."""
    if isinstance(value, dict):
        # The settings have a golden file's worth of their own: `frostline init`.
        kept = {key: inner for key, inner in value.items() if key != "config"}
        return {key: normalised(inner) for key, inner in kept.items()}
    if isinstance(value, list):
        return [normalised(inner) for inner in value]
    if isinstance(value, str):
        if value[:1] in ("{", "[") and not value.startswith("{{"):
            return {"JSON": normalised(json.loads(value))}
        return re.sub(r"\b[0-9a-f]{32,64}\b", "DIGEST", value)
    return value


@pytest.mark.graph
@pytest.mark.parametrize("case", CASES)
def test_documents_are_those_of_the_golden_file(compiled, case):
    found = documents.read(compiled(case))
    text = yaml.safe_dump_all(
        [normalised(dict(found.pipeline)), normalised(dict(found.platform))], width=100
    )
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text(), "changed on purpose? `make golden`, and review the diff"


@pytest.mark.graph
def test_same_arguments_give_the_same_bytes_in_another_process(compiled, tmp_path):
    path = tmp_path / "again.yaml"
    words = [*CASES["gpu"], *PLACES, f"--output={path}"]
    done = subprocess.run(
        [sys.executable, ROOT / "kubeflow" / "compile.py", *words],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == compiled("gpu").read_bytes()
    assert done.stdout.splitlines()[0] == f"{path}  14 steps of frostline"
    assert done.stdout.splitlines()[-1] == f"next      python kubeflow/submit.py run {path}"
    assert "nvidia.com/gpu" in done.stdout


@pytest.mark.graph
@pytest.mark.parametrize("case", CASES)
def test_sdk_of_kubeflow_reads_the_file(compiled, case):
    from kfp import components

    names = components.load_component_from_file(str(compiled(case))).component_spec.inputs
    assert sorted(names or ()) == [
        "accept_data", "data", "epochs", "force_bless", "push_destination", "span"
    ]  # fmt: skip


@pytest.mark.graph
def test_whatever_the_sdk_compiles_for_a_pod_is_compiled_alike(compiled, tmp_path):
    from kfp import compiler, dsl, kubernetes

    @dsl.container_component
    def train():
        return dsl.ContainerSpec(image="image", command=["python"])

    @dsl.pipeline(name="toy")
    def toy():
        task = train().set_caching_options(enable_caching=True)
        task.set_cpu_request("500m").set_cpu_limit("4")
        task.set_memory_request("8Gi").set_memory_limit("16G")
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
        task.set_env_variable("A", "b")
        task.set_retry(2, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s")
        kubernetes.use_field_path_as_env(task, "FROSTLINE_RUN", "metadata.labels['pipeline/runid']")
        kubernetes.add_node_selector(task, "cloud.google.com/gke-accelerator", "nvidia-l4")
        kubernetes.add_node_selector(task, "pool", "train")
        kubernetes.add_toleration(task, key="train", operator="Exists", effect="NoSchedule")
        kubernetes.add_toleration(
            task, key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"
        )
        kubernetes.mount_pvc(task, pvc_name="frostline", mount_path="/mnt/frostline")
        kubernetes.use_secret_as_volume(task, secret_name="gcs", mount_path="/secrets/gcs")
        kubernetes.use_secret_as_env(task, secret_name="gcs", secret_key_to_env={"key": "KEY"})
        kubernetes.empty_dir_mount(
            task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit="2500M"
        )
        kubernetes.set_timeout(task, 3600)

    path = tmp_path / "toy.yaml"
    compiler.Compiler().compile(toy, str(path))  # pyright: ignore[reportArgumentType]
    theirs, ours = documents.read(path), documents.read(compiled("gpu"))
    assert ours.pod_configs["Trainer_executor"] == theirs.pod_configs["exec-train"]
    for field in ("resources", "env"):
        assert (
            ours.executors["Trainer_executor"]["container"][field]
            == theirs.executors["exec-train"]["container"][field]
        )
    [their_task] = [task.spec for task in tasks(theirs.pipeline)]
    [our_task] = [task.spec for task in tasks(ours.pipeline) if task.name == "Trainer"]
    for field in ("retryPolicy", "cachingOptions"):
        assert our_task[field] == their_task[field]


@pytest.mark.graph
def test_steps_that_look_at_the_world_are_never_cached(compiled):
    def cached(case):
        found = tasks(documents.read(compiled(case)).pipeline)
        return {each.name for each in found if each.spec.get("cachingOptions")}

    assert not cached("cpu") & {"Prepare", "ImageExampleGen", "Pusher", "Summary"}
    assert cached("gpu") == cached("cpu") - {"Evaluator"}
    assert cached("tpu") == set()


@pytest.mark.graph
def test_setting_of_a_step_that_this_pipeline_has_not_names_those_that_it_has(capsys, tmp_path):
    path = tmp_path / "pipeline.yaml"
    words = (*CASES["cpu"], *PLACES, "--set", "kubeflow.steps.Tuner.cache=false", "-o", str(path))
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert "error: kubeflow.steps.Tuner: this pipeline has no such step; it has Prepare, " in said
    assert not path.exists()


@pytest.mark.graph
def test_what_the_check_refuses_is_not_written(capsys, tmp_path):
    path = tmp_path / "pipeline.yaml"
    words = (*CASES["cpu"], *PLACES, "-o", str(path))
    assert run(*words, "--root", "hdfs://bucket/runs") == 2
    assert 'error: defaultPipelineRoot "hdfs://bucket/runs" should be gs' in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.graph
def test_path_that_no_volume_holds_is_a_warning_and_a_work_directory_is_left_alone(
    capsys, tmp_path
):
    path = tmp_path / "pipeline.yaml"
    words = (*CASES["cpu"], *PLACES, "-o", str(path), "--work-dir", "runs/sample")
    assert run(*words, "--data", "/srv/photos") == 0
    out = capsys.readouterr().out
    assert re.search(r"^WARNING .*/srv/photos: no pod can open that", out, re.MULTILINE)
    assert "--work-dir runs/sample is of this machine" in out
    assert "state     none: nothing is kept from run to run" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--preset", "sample"), "--image is missing, as in --image registry"),
        (("--preset", "sample", "--image", "a"), "--root is missing, as in --root gs://"),
        ((*PLACES,), "--data DIR is missing"),
        ((*PLACES, "--preset", "sample", "--span", "2"), "--span 2 needs --data"),
        ((*PLACES, "--data", "d", "--set", "kubeflow.steps.Trainr.retries=1"), "has Trainer"),
        (("--check", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file"),
    ],
)
def test_what_is_missing_or_unknown_is_told_with_exit_code_2(capsys, words, said):
    assert run(*words, "--weights", "random") == 2
    assert said in capsys.readouterr().err


def test_check_tells_what_is_wrong_with_a_file(capsys, tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text("schemaVersion: 2.0.0\npipelineInfo: {name: toy}\n")
    assert run("--check", str(path)) == 2
    assert 'error: schemaVersion is "2.0.0", and open-source' in capsys.readouterr().err
    path.write_text(
        "schemaVersion: 2.1.0\npipelineInfo: {name: toy}\ndefaultPipelineRoot: gs://b\n"
    )
    assert run("--check", str(path)) == 0
    assert "nothing that open-source Kubeflow refuses or drops" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["a: [", "just words", "a: 1\n---\nb: 2\n---\nc: 3\n"])
def test_file_that_is_no_compiled_pipeline_is_told(capsys, tmp_path, text):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    assert run("--check", str(path)) == 2
    assert f"{path} is no compiled pipeline" in capsys.readouterr().err
