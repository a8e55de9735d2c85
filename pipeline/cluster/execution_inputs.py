"""What a task is given: KFP's driver, which resolves inputs from the DAG around the task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.cluster import execution_conditions as conditions
from pipeline.cluster import execution_placeholders as placeholders
from pipeline.cluster import execution_values as values

Artifact = Mapping[str, Any]  # A RuntimeArtifact as JSON has it: name, type, uri, metadata.


@dataclass(frozen=True)
class Given:
    """Parameters and artifacts by name, as they go into a task or come out of one."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, list[Artifact]] = field(default_factory=dict)


@dataclass
class Scope:
    """A DAG at run time: what it was given, and what has become of its tasks."""

    given: Given
    outputs: dict[str, Given] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)


def resolved(task: Any, component: Any, scope: Scope, *, facts: Mapping[str, str]) -> Given:
    """The inputs of a task; `facts` fill the placeholders of the run.

    Raises:
        ValueError: an input is missing or of another type than the component declares.
    """
    declared = component.input_definitions.parameters
    parameters = {}
    for name, spec in task.inputs.parameters.items():
        value = _parameter(name, spec, scope, facts)
        if value is None and name in declared and declared[name].is_optional:
            continue
        if value is None:
            raise ValueError(f"input parameter {name!r} has no value")
        parameters[name] = value
    if component.WhichOneof("implementation") == "dag":
        parameters = {**_defaults(declared, parameters), **parameters}
    _check_types(parameters, declared, looped=task.parameter_iterator.item_input)
    artifacts = {
        name: _artifacts(name, spec, scope) for name, spec in task.inputs.artifacts.items()
    }
    return Given(parameters, artifacts)


def with_defaults(parameters: Mapping[str, Any], component: Any) -> dict[str, Any]:
    """Parameters as the launcher sees them: with the defaults of those that were not given."""
    declared = component.input_definitions.parameters
    known = {name: one for name, one in declared.items() if one.HasField("default_value")}
    return {**{name: values.plain(one.default_value) for name, one in known.items()}, **parameters}


def is_triggered(task: Any, given: Given) -> bool:
    """Whether the condition of a task lets it run.

    Raises:
        ConfigError, ValueError: the condition cannot be read, or has no value.
    """
    if not task.trigger_policy.condition:
        return True
    artifacts = {name: {"artifacts": listed} for name, listed in given.artifacts.items()}
    fields = {"inputs": {"parameter_values": given.parameters, "artifacts": artifacts}}
    return conditions.evaluate(task.trigger_policy.condition, fields) is True


def taken(known: Mapping[str, Any], name: str, owner: str) -> Any:
    """The value of a name.

    Raises:
        ValueError: its owner has no such name.
    """
    if name not in known:
        raise ValueError(f"{owner} has no {name!r}, but {', '.join(sorted(known)) or 'nothing'}")
    return known[name]


def _parameter(name: str, spec: Any, scope: Scope, facts: Mapping[str, str]) -> Any:
    match spec.WhichOneof("kind"):
        case "component_input_parameter":
            found = taken(scope.given.parameters, spec.component_input_parameter, "the DAG")
        case "task_output_parameter":
            source = spec.task_output_parameter
            made = taken(scope.outputs, source.producer_task, "a task that ran")
            found = taken(made.parameters, source.output_parameter_key, source.producer_task)
        case "task_final_status":
            found = _final_status(spec.task_final_status.producer_task, scope, facts)
        case "runtime_value":
            found = values.plain(spec.runtime_value.constant)
            found = placeholders.of_run(found, facts)
        case kind:
            raise ValueError(f"input parameter {name!r} comes by {kind}, which KFP has not")
    selector = spec.parameter_expression_selector
    if not selector:
        return found
    return values.whole(conditions.evaluate(selector, {"string_value": values.text(found)}))


def _final_status(producer: str, scope: Scope, facts: Mapping[str, str]) -> dict[str, Any]:
    # The driver passes ML Metadata's word for the state on, not the SDK's SUCCEEDED.
    return {
        "state": "FAILED" if scope.states[producer] == "failed" else "COMPLETE",
        "error": {},
        "pipelineJobResourceName": facts["pipeline_job_resource_name"],
        "pipelineTaskName": producer,
    }


def _artifacts(name: str, spec: Any, scope: Scope) -> list[Artifact]:
    if spec.WhichOneof("kind") == "component_input_artifact":
        return taken(scope.given.artifacts, spec.component_input_artifact, "the DAG")
    source = spec.task_output_artifact
    made = taken(scope.outputs, source.producer_task, f"input {name!r}: a task that ran")
    return taken(made.artifacts, source.output_artifact_key, source.producer_task)


def _defaults(declared: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: values.plain(one.default_value) if one.HasField("default_value") else None
        for name, one in declared.items()
        if one.is_optional and name not in parameters
    }


def _check_types(parameters: dict[str, Any], declared: Mapping[str, Any], *, looped: str) -> None:
    for name, kind in values.kinds(declared).items():
        one = declared[name]
        if name not in parameters and not one.is_optional and not one.HasField("default_value"):
            if name != looped:
                raise ValueError(f"input parameter {name!r} has neither a value nor a default")
        elif parameters.get(name) is not None:
            parameters[name] = values.given(parameters[name], kind, name=name)
