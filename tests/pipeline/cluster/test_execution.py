"""Pipelines that kfp's own compiler makes, run from their files; no TFX in them."""

# What kfp's decorators make of a function is not called as the function is written.
# pyright: reportArgumentType=false, reportCallIssue=false, reportInvalidTypeForm=false

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from kfp import compiler, dsl, kubernetes

from pipeline.cluster import execution, execution_command, execution_pod
from trainer.errors import ConfigError

pytestmark = [
    pytest.mark.graph,
    pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning"),
]

SCRIPT = Path(__file__).parents[3] / "kubeflow" / "run_compiled.py"
# Written into its output file: the words after it.
SAY = ["sh", "-c", 'mkdir -p "$(dirname "$0")" && printf "%s" "$*" > "$0"']


@dsl.container_component
def say(text: str, said: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="any", command=SAY, args=[said, text])


@dsl.container_component
def write(text: str, out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="any", command=SAY, args=[out.path, text])


@dsl.container_component
def double(data: dsl.Input[dsl.Dataset], out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(
        image="any",
        command=["sh", "-c", 'mkdir -p "$1/deep" && cat "$0" "$0" > "$1/deep/file"'],
        args=[data.path, out.path],
    )


@dsl.container_component
def gather(texts: list, out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="any", command=SAY, args=[out.path, texts])


@dsl.container_component
def shell(script: str):
    return dsl.ContainerSpec(image="any", command=["sh", "-c"], args=[script])


@dsl.component(install_kfp_package=False)
def count(words: str, data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> int:
    with open(data.path) as file:  # noqa: PTH123
        words += file.read()
    with open(model.path, "w") as file:  # noqa: PTH123
        file.write(words)
    model.metadata["frozen"] = True
    return len(words)


@dsl.component(install_kfp_package=False)
def report(status: dsl.PipelineTaskFinalStatus, facts: dsl.Output[dsl.Artifact]):
    with open(facts.path, "w") as file:  # noqa: PTH123
        file.write(f"{status.state} {status.pipeline_task_name}")


class Here:
    """A bucket, the files compiled for it, and the latest run."""

    def __init__(self, folder):
        self.folder = folder
        self.bucket = folder / "bucket"
        self.printed = ""

    def compiled(self, function):
        file = self.folder / "pipeline.yaml"
        compiler.Compiler().compile(function, str(file))
        return file

    def run(self, function, *, volumes=None, keeps_pods=False, **parameters):
        stream = io.StringIO()
        try:
            return execution.run(
                self.compiled(function),
                parameters=parameters,
                bucket=self.bucket,
                volumes=volumes or {},
                keeps_pods=keeps_pods,
                stream=stream,
            )
        finally:
            self.printed = stream.getvalue()

    @property
    def latest(self):
        return max((self.bucket / "runs").iterdir(), key=lambda folder: folder.stat().st_ctime_ns)

    @property
    def record(self):
        return json.loads((self.latest / "run.json").read_text())

    @property
    def states(self):
        return {step["name"]: step["state"] for step in self.record["steps"]}

    def made(self, task, output):
        """What the latest run has uploaded for an output."""
        (found,) = self.bucket.glob(f"minio/*/v2/artifacts/*/{self.latest.name}/{task}/*/{output}")
        return found


@pytest.fixture
def here(tmp_path):
    return Here(tmp_path)


@dsl.pipeline(name="chain")
def chain(text: str = "abc"):
    first = write(text=text)
    second = double(data=first.outputs["out"])
    count(words=f"{text}-", data=first.outputs["out"]).after(second)


def test_artifacts_and_parameters_go_from_step_to_step(here):
    assert here.run(chain, text="xy") == 0

    assert (here.made("double", "out") / "deep" / "file").read_text() == "xyxy"
    assert here.made("count", "model").read_text() == "xy-xy"
    assert here.states == {"write": "ran", "double": "ran", "count": "ran"}
    assert here.record["parameters"] == {"text": "xy"}
    assert not list(here.latest.glob("pods/*"))


def test_pods_are_kept_on_demand(here):
    here.run(chain, keeps_pods=True)

    assert {path.name for path in here.latest.glob("pods/*")} == {"write.1", "double.1", "count.1"}


def test_second_run_is_cached_until_a_parameter_changes(here):
    here.run(chain)
    here.run(chain)
    assert set(here.states.values()) == {"cached"}

    here.run(chain, text="other")
    assert set(here.states.values()) == {"ran"}


def test_changed_step_makes_the_steps_after_it_run_too(here):
    @dsl.pipeline(name="chain")
    def uncached():
        first = write(text="abc").set_caching_options(False)
        double(data=first.outputs["out"])

    here.run(uncached)
    here.run(uncached)

    assert here.states == {"write": "ran", "double": "ran"}


def test_branch_that_is_not_taken_is_skipped_and_the_other_is_handed_out(here):
    @dsl.pipeline(name="branches")
    def branches(side: str = "heads"):
        first = say(text=side)
        with dsl.If(first.outputs["said"] == "heads"):
            left = say(text="left")
        with dsl.Else():
            right = say(text="right")
        write(text=dsl.OneOf(left.outputs["said"], right.outputs["said"]))

    here.run(branches)
    assert here.made("write", "out").read_text() == "left"
    assert list(here.states.values()).count("skipped") == 1

    here.run(branches, side="tails")
    assert here.made("write", "out").read_text() == "right"


def test_step_after_a_skipped_one_is_skipped(here):
    # kfp writes no such thing, TFX does: its conditions stand on the step itself.
    @dsl.pipeline(name="skipping")
    def skipping():
        first = write(text="never")
        double(data=first.outputs["out"])

    file = here.compiled(skipping)
    content = yaml.safe_load(file.read_text())
    condition = {"condition": "inputs.parameter_values['text'] == 'now'"}
    content["root"]["dag"]["tasks"]["write"]["triggerPolicy"] = condition
    file.write_text(yaml.safe_dump(content))

    code = execution.run(file, parameters={}, bucket=here.bucket, volumes={}, stream=io.StringIO())

    assert code == 0
    assert here.states == {"write": "skipped", "double": "skipped"}


def test_loop_runs_once_for_each_item_and_collects(here):
    @dsl.pipeline(name="loops")
    def loops():
        with dsl.ParallelFor(["a", "b"]) as item:
            made = say(text=item)
        gather(texts=dsl.Collected(made.outputs["said"]))

    assert here.run(loops) == 0

    assert list(here.states) == ["for-loop-2.0/say", "for-loop-2.1/say", "gather"]
    assert here.made("gather", "out").read_text() == '["a","b"]'


def test_pipeline_in_a_pipeline_has_its_own_defaults(here):
    @dsl.pipeline
    def inner(text: str = "from within") -> dsl.Dataset:
        return write(text=text).outputs["out"]  # pyright: ignore[reportReturnType]

    @dsl.pipeline(name="nested")
    def nested():
        double(data=inner().output)

    assert here.run(nested) == 0

    made = here.made("double", "out") / "deep" / "file"
    assert made.read_text() == "from within" * 2


@dsl.pipeline(name="guarded")
def guarded(script: str = "true"):
    with dsl.ExitHandler(report()):
        shell(script=script)
        shell(script="true")


def test_exit_task_is_told_of_success(here):
    assert here.run(guarded) == 0

    assert here.made("report", "facts").read_text() == "COMPLETE exit-handler-1"


def test_failed_step_stops_the_rest_but_not_the_exit_task(here):
    assert here.run(guarded, script="echo what went wrong >&2; exit 4") == 1

    assert here.made("report", "facts").read_text() == "FAILED exit-handler-1"
    assert here.states == {
        "exit-handler-1/shell": "failed",
        "exit-handler-1/shell-2": "skipped",
        "report": "ran",
    }
    assert here.record["state"] == "failed"
    assert here.record["steps"][0]["exit_code"] == 4
    assert "exit-handler-1/shell: exit code 4\n" in here.printed
    assert "| what went wrong\n" in here.printed
    assert Path(here.record["steps"][0]["log"]).read_text() == "what went wrong\n"


def test_failed_step_is_not_cached(here):
    here.run(guarded, script="exit 1")
    here.run(guarded, script="exit 1")

    assert here.states["exit-handler-1/shell"] == "failed"


def test_importer_names_what_lies_in_the_bucket(here):
    @dsl.pipeline(name="imports")
    def imports():
        data = dsl.importer(artifact_uri="gs://b/data", artifact_class=dsl.Dataset)
        double(data=data.output)

    there = here.bucket / "gcs" / "b" / "data"
    there.parent.mkdir(parents=True)
    there.write_text("12")

    here.run(imports)
    assert (here.made("double", "out") / "deep" / "file").read_text() == "1212"

    here.run(imports)
    assert here.states == {"importer": "ran", "double": "cached"}


def test_step_is_tried_again_in_a_fresh_pod(here):
    # The claim remembers the first attempt; the pod's own file system must not.
    @dsl.pipeline(name="retries")
    def retries():
        script = "test ! -e ~/mark && touch ~/mark && test -e /state/tried || ! touch /state/tried"
        step = shell(script=script)
        step.set_retry(2, backoff_duration="1s", backoff_factor=1)
        kubernetes.mount_pvc(step, "claim", "/state")

    (here.folder / "claim").mkdir()
    started = time.monotonic()

    assert here.run(retries, volumes={"claim": here.folder / "claim"}) == 0

    assert here.record["steps"][0]["attempts"] == 2
    assert "retried" in here.printed
    assert "again in 1 s, 2 left" in here.printed
    assert time.monotonic() - started > 1


def test_step_that_is_killed_is_tried_until_no_attempt_is_left(here):
    @dsl.pipeline(name="killed")
    def killed():
        shell(script="kill -9 $$").set_retry(2, backoff_duration="0s")

    assert here.run(killed) == 1

    step = here.record["steps"][0]
    assert (step["state"], step["attempts"]) == ("failed", 3)
    assert step["exit_code"] in {-9, 137}
    assert len(list(here.latest.glob("logs/shell.*.log"))) == 3


def test_deadline_of_the_platform_ends_a_step(here):
    @dsl.pipeline(name="late")
    def late():
        kubernetes.set_timeout(shell(script="sleep 600"), 1)

    assert here.run(late) == 1

    assert "shell: stopped at its deadline of 1 s" in here.printed


def test_claim_without_a_folder_is_kept_beside_the_buckets(here):
    @dsl.pipeline(name="claims")
    def claims(text: str = "first"):
        script = f"echo {text} >> /state/deep/lines"
        kubernetes.mount_pvc(shell(script=script), "claim", "/state/deep")

    here.run(claims)
    here.run(claims, text="second")

    assert (here.bucket / "volumes" / "claim" / "lines").read_text() == "first\nsecond\n"


def test_variables_of_executor_and_platform_are_set(here):
    @dsl.pipeline(name="variables")
    def variables():
        step = shell(script='test "$A-$RUN-$KFP_POD_NAME" = "1-$RUN-variables-shell" && echo $RUN')
        step.set_env_variable("A", "1")
        kubernetes.use_field_path_as_env(step, "RUN", "metadata.labels['pipeline/runid']")

    assert here.run(variables) == 0, here.printed

    assert Path(here.record["steps"][0]["log"]).read_text().strip() == here.record["run_id"]


def test_secret_without_a_folder_is_refused_before_anything_runs(here):
    @dsl.pipeline(name="secrets")
    def secrets():
        step = shell(script="cat /secret/key")
        kubernetes.use_secret_as_volume(step, "keys", "/secret")

    with pytest.raises(ConfigError, match="mounts the secret keys at /secret: say --volume keys="):
        here.run(secrets)
    assert not here.printed

    (here.folder / "keys").mkdir()
    (here.folder / "keys" / "key").write_text("k")
    assert here.run(secrets, volumes={"keys": here.folder / "keys"}) == 0


def test_output_parameter_that_was_not_written_fails_the_step(here):
    @dsl.container_component
    def silent(said: dsl.OutputPath(str)):
        return dsl.ContainerSpec(image="any", command=["true"], args=[said])

    @dsl.pipeline(name="silence")
    def silence():
        silent()

    assert here.run(silence) == 1
    assert "output parameter 'said' is neither in its file" in here.printed


def test_placeholder_of_the_run_is_filled_by_the_driver_only(here):
    @dsl.pipeline(name="placeholders")
    def of_the_run():
        write(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)

    @dsl.container_component
    def literal(out: dsl.Output[dsl.Dataset]):
        return dsl.ContainerSpec(
            image="any", command=SAY, args=[out.path, "{{$.pipeline_job_uuid}}"]
        )

    @dsl.pipeline(name="placeholders")
    def in_the_command():
        literal()

    here.run(of_the_run)
    assert here.made("write", "out").read_text() == here.record["run_id"]

    here.run(in_the_command)
    assert here.made("literal", "out").read_text() == "{{$.pipeline_job_uuid}}"
    assert "note: literal: KFP's launcher fills no {{$.pipeline_job_uuid}}" in here.printed


def test_truth_in_metadata_arrives_as_a_number(here):
    @dsl.component(install_kfp_package=False)
    def look(model: dsl.Input[dsl.Model]):
        print(sorted(model.metadata.items()))  # noqa: T201

    @dsl.pipeline(name="metadata")
    def metadata():
        first = count(words="a", data=write(text="b").outputs["out"])
        look(model=first.outputs["model"])

    assert here.run(metadata) == 0
    log = Path(here.record["steps"][-1]["log"]).read_text()
    assert re.search(r"\[\('display_name', 'model'\), \('frozen', 1(\.0)?\)\]", log)


def test_machine_without_namespaces_runs_the_same(here, monkeypatch):
    monkeypatch.setattr(execution_pod, "can_have_own_root", lambda: False)

    @dsl.pipeline(name="plain")
    def plain():
        first = write(text="abc")
        second = double(data=first.outputs["out"])
        step = shell(script="echo x > /state/file").after(second)
        kubernetes.mount_pvc(step, "claim", "/state")

    assert here.run(plain) == 0

    assert "note: this machine lets no pod have a root of its own" in here.printed
    assert (here.made("double", "out") / "deep" / "file").read_text() == "abcabc"
    assert (here.bucket / "volumes" / "claim" / "file").read_text() == "x\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parameter", "txt=1"], "--parameter txt: .* has no such parameter, but text"),
        (["--volume", "claim"], "--volume claim should be NAME=DIR"),
        (["--volume", "claim=absent"], "--volume claim=absent: there is no such folder"),
    ],
)
def test_wrong_argument_is_told_with_exit_code_2(here, capsys, words, message):
    file = here.compiled(chain)

    code = execution_command.main([str(file), "--bucket", str(here.bucket), *words])

    assert code == 2
    assert re.search(message, capsys.readouterr().err)


def test_ctrl_c_ends_the_step_and_says_so(here):
    @dsl.pipeline(name="long")
    def long():
        shell(script="echo $$; exec sleep 600")

    process = subprocess.Popen(
        [sys.executable, SCRIPT, here.compiled(long), "--bucket", here.bucket],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
        # A test run in the background of a shell hands down a deaf ear to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 30
    while not (logs := [one for one in here.bucket.glob("runs/*/logs/*") if one.read_text()]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert stdout.splitlines()[-1] == "stopped: the step that ran has been ended"
    assert not Path("/proc", logs[0].read_text().strip()).exists()
    assert here.record["state"] == "stopped"
