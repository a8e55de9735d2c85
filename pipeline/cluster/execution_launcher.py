"""What KFP's launcher does around a container: stage, fill, run, read, upload."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.cluster import execution_artifacts as artifacts
from pipeline.cluster import execution_inputs as inputs
from pipeline.cluster import execution_placeholders as placeholders
from pipeline.cluster import execution_platform as platform
from pipeline.cluster import execution_pod as pods
from pipeline.cluster import execution_staging as staging
from pipeline.cluster import execution_values as values
from pipeline.cluster.execution_inputs import Given
from pipeline.cluster.execution_pod import Pod
from pipeline.cluster.execution_run import Record, Run, Task

OUTPUT_FILE = "/tmp/kfp_outputs/output_metadata.json"
PARAMETER_FILES = "/tmp/kfp/outputs"


@dataclass(frozen=True)
class Launch:
    """A step that is ready to run: KFP's ExecutorInput as JSON has it, command and settings."""

    executor_input: Mapping[str, Any]
    command: Sequence[str]
    output_kinds: Mapping[str, str]
    settings: platform.Settings


def attempt(run: Run, task: Task, launch: Launch, *, number: int) -> tuple[Record, Given]:
    """One pod, from its empty file system to what is uploaded of it."""
    name = f"{task.path.replace('/', '.')}.{number}"
    log = run.folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    pod = Pod(run.folder / "pods" / name, launch.settings.mounts, run.has_own_roots)
    try:
        _stage(run, pod, launch)
        command = _filled(pod, task, launch)
        if number == 1:
            _note_unknown(run, task, command)
        ended = pods.run(
            pod,
            command,
            env=platform.environment(run, task, launch.settings),
            log=log,
            deadline_seconds=launch.settings.deadline_seconds,
        )
        reason, outputs = _judged(run, pod, launch, ended)
        disk_bytes = sum(path.lstat().st_size for path in pod.root.rglob("*"))
    finally:
        if not run.keeps_pods:
            shutil.rmtree(pod.root, ignore_errors=True)
    took = asdict(ended)
    took.pop("is_late")
    state = "failed" if reason else "ran"
    record = Record(
        name=task.path,
        state=state,
        attempts=number,
        reason=reason,
        log=str(log),
        disk_megabytes=round(disk_bytes / 1e6, 1),
        **took,
    )
    return record, outputs


def _stage(run: Run, pod: Pod, launch: Launch) -> None:
    """Bring the inputs into the pod, and make the folders that outputs go into."""
    for listed in launch.executor_input["inputs"]["artifacts"].values():
        for place in (staging.place(one["uri"]) for one in listed["artifacts"]):
            if place:
                staging.copy(run.bucket / place, pod.root / place)
    for listed in launch.executor_input["outputs"]["artifacts"].values():
        place = staging.place(listed["artifacts"][0]["uri"])
        if place:
            (pod.root / place).parent.mkdir(parents=True, exist_ok=True)
    for path in (OUTPUT_FILE, f"{PARAMETER_FILES}/any"):
        pod.path(path).parent.mkdir(parents=True, exist_ok=True)


def _filled(pod: Pod, task: Task, launch: Launch) -> list[str]:
    """The command with its placeholders filled, in the pod's own names of places."""
    seen = json.loads(json.dumps(launch.executor_input))
    given = seen["inputs"]["parameterValues"]
    seen["inputs"]["parameterValues"] = inputs.with_defaults(given, task.component)
    for parameter in seen["outputs"]["parameters"].values():
        parameter["outputFile"] = pod.name(parameter["outputFile"])
    seen["outputs"]["outputFile"] = pod.name(OUTPUT_FILE)

    def path_of(uri: str) -> str:
        place = staging.place(uri)
        return pod.name(f"/{place}") if place else uri

    return placeholders.filled(launch.command, seen, path_of=path_of)


def _note_unknown(run: Run, task: Task, command: Sequence[str]) -> None:
    for placeholder in placeholders.unknown(command):
        run.noted(
            f"note: {task.path}: KFP's launcher fills no {placeholder} in a command; the "
            "container gets it as it is written"
        )


def _judged(run: Run, pod: Pod, launch: Launch, ended: pods.Ended) -> tuple[str, Given]:
    """Why a pod has failed, or nothing, and what it has made."""
    if ended.is_late:
        return f"stopped at its deadline of {launch.settings.deadline_seconds} s", Given()
    if ended.exit_code:
        return f"exit code {ended.exit_code}", Given()
    try:
        return "", _collected(run, pod, launch)
    except (OSError, ValueError) as error:
        return f"what it left cannot be taken: {' '.join(str(error).split())}", Given()


def _collected(run: Run, pod: Pod, launch: Launch) -> Given:
    """Read what a pod says of its outputs, and upload them.

    Raises:
        ValueError: its output file cannot be read, or a parameter was not written.
    """
    said = _said(pod)
    told = said["parameterValues"]
    parameters = {
        name: told[name] if name in told else values.parsed(_written(pod, name), kind)
        for name, kind in launch.output_kinds.items()
    }
    made = {}
    for name, listed in launch.executor_input["outputs"]["artifacts"].items():
        of_it = said["artifacts"].get(name, {}).get("artifacts") or [{}]
        artifact = artifacts.registered(name, listed["artifacts"][0], of_it[0])
        place = staging.place(artifact["uri"])
        if place and (pod.root / place).exists():
            staging.copy(pod.root / place, run.bucket / place)
        made[name] = [artifact]
    return Given(parameters, made)


def _said(pod: Pod) -> dict[str, Any]:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    file = pod.path(OUTPUT_FILE)
    said = pipeline_spec_pb2.ExecutorOutput()  # pyright: ignore[reportAttributeAccessIssue]
    if file.exists():
        try:
            json_format.Parse(file.read_text(encoding="utf-8"), said)
        except json_format.ParseError as error:
            raise ValueError(f"{OUTPUT_FILE}: {error}") from None
    return {"parameterValues": {}, "artifacts": {}, **values.plain(said)}


def _written(pod: Pod, name: str) -> str:
    file = pod.path(f"{PARAMETER_FILES}/{name}")
    if not file.exists():
        raise ValueError(f"output parameter {name!r} is neither in its file nor in {OUTPUT_FILE}")
    return file.read_text(encoding="utf-8")
