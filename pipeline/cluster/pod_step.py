"""A step in its pod: TFX's own entry point, given paths for URIs and values for bindings."""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor as tfx_entry_point

from pipeline import beam_workers
from pipeline.cluster import bindings, weights_file
from pipeline.cluster.preparation import sample
from pipeline.cluster.task import MADE_FROM, Done, Made, Task
from pipeline.cluster.uris import EPHEMERAL, RUN_ID, Places
from pipeline.workdir import WorkDir

# Messages that come without types.
_MESSAGES: Any = pipeline_spec_pb2
Call = Any
Artifact = Any

# These types are files; a folder is made for all others.
_FILES = ("String", "Integer", "Float", "Boolean", "JsonValue", "HTML", "RunSummary")
# Named as Kubeflow's page wants it, which TFX would import from a package `system`.
_RENAMED = {"system.HTML": "components.Report"}


def run(task: Task, tfx_arguments: Sequence[str]) -> Done:
    """Run a step's executor on staged files.

    Args:
      tfx_arguments: TFX's own, and Beam's after them.

    Raises:
      FrostlineError: something that a person can mend.
    """
    options, beam_arguments = _parser().parse_known_args(tfx_arguments)
    call = _MESSAGES.ExecutorInput()
    json_format.Parse(options.json_serialized_invocation_args, call, ignore_unknown_fields=True)
    places = Places()
    dropped = _fill_in(call, task, places)
    _bring_weights(task, places)
    _stage_inputs(call, places)
    uris = _stage_outputs(call, places)
    options.json_serialized_invocation_args = json_format.MessageToJson(call)
    with beam_workers.prepared(workers=_workers(beam_arguments)):
        tfx_entry_point.main((options, beam_arguments))
    told = _publish(call, uris, places)
    return Done(
        made_from=str(dropped.get(MADE_FROM, "")),
        values=told["parameters"],
        outputs={
            name: Made(_type_name(artifact), Path(artifact.uri), told["properties"].get(name, {}))
            for name, artifact in _singles(call.outputs.artifacts)
        },
    )


def _workers(beam_arguments: Sequence[str]) -> int:
    """How many worker processes Beam is to start; 0 is one a core."""
    name = "--direct_num_workers="
    told = [each.removeprefix(name) for each in beam_arguments if each.startswith(name)]
    return int(told[-1]) if told else 0


def _parser() -> argparse.ArgumentParser:
    """TFX's own arguments, by its own names."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args")
    return parser


def _fill_in(call: Call, task: Task, places: Places) -> dict[str, bindings.Value]:
    """Put values where they belong; returns those that are for the cache only."""
    parameters = call.inputs.parameter_values
    values = {
        name: _plain(json_format.MessageToDict(value), task, places)
        for name, value in parameters.items()
    }
    dropped = bindings.apply(task.bound, values)
    state = WorkDir(Path(task.state or places.inward(EPHEMERAL)))
    if values.get("data") == str(state.sample_data):
        sample(state)
    parameters.clear()
    for name, value in values.items():
        json_format.Parse(json.dumps(value), parameters[name])
    return dropped


def _plain(value: Any, task: Task, places: Places) -> bindings.Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, str):
        return places.inward(value).replace(RUN_ID, task.run)
    return value


def _bring_weights(task: Task, places: Places) -> None:
    if task.weights:
        target = weights_file.place(task.weights, task.weights_sha256)
        place = Path(places.inward(str(target)))
        weights_file.bring(task.weights, place, sha256=task.weights_sha256)


def _stage_inputs(call: Call, places: Places) -> None:
    for each in call.inputs.artifacts.values():
        for artifact in each.artifacts:
            # TFX knows artifacts by names, which not every version of Kubeflow gives them.
            artifact.name = artifact.name or artifact.uri
            artifact.uri = places.found(artifact.uri)


def _stage_outputs(call: Call, places: Places) -> dict[str, str]:
    """Make room for the outputs; returns the URI of each by its name."""
    Path(call.outputs.output_file).unlink(missing_ok=True)  # of an earlier attempt
    uris = {}
    for name, artifact in _singles(call.outputs.artifacts):
        uris[name] = artifact.uri
        artifact.uri = places.staged(artifact.uri)
        is_file = _type_name(artifact) in _FILES
        _make_room(Path(artifact.uri), is_file=is_file)
        title = _title(artifact)
        if title in _RENAMED:
            artifact.type.schema_title = _RENAMED[title]
    return uris


def _make_room(path: Path, *, is_file: bool) -> None:
    # An earlier attempt may have left half an output on a volume.
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    (path.parent if is_file else path).mkdir(parents=True, exist_ok=True)


def _publish(call: Call, uris: Mapping[str, str], places: Places) -> dict[str, dict[str, Any]]:
    """Call paths by their URIs in what the step tells Kubeflow; returns what it tells."""
    file = Path(call.outputs.output_file)
    told = _MESSAGES.ExecutorOutput()
    json_format.Parse(file.read_text(encoding="utf-8"), told)
    for name, artifact in _singles(told.artifacts):
        artifact.uri = uris[name]
    for value in told.parameter_values.values():
        if value.HasField("string_value"):
            value.string_value = places.outward(value.string_value)
    file.write_text(json_format.MessageToJson(told), encoding="utf-8")
    properties = {
        name: json_format.MessageToDict(artifact.metadata)
        for name, artifact in _singles(told.artifacts)
    }
    parameters = {
        name: json_format.MessageToDict(value) for name, value in told.parameter_values.items()
    }
    return {"properties": properties, "parameters": parameters}


def _singles(lists: Mapping[str, Any]) -> list[tuple[str, Artifact]]:
    """TFX's outputs have one artifact each."""
    return [(name, each.artifacts[0]) for name, each in lists.items()]


def _type_name(artifact: Artifact) -> str:
    return _title(artifact).rpartition(".")[2]


def _title(artifact: Artifact) -> str:
    kind = artifact.type
    if kind.WhichOneof("kind") == "instance_schema":
        return str(yaml.safe_load(kind.instance_schema).get("title", ""))
    return str(kind.schema_title)
