"""Rules on names, tasks and what they hand to each other."""

import graphlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.cluster.documents import Documents
from pipeline.cluster.findings import Finding, error
from pipeline.cluster.graphs import Graph, Task, graphs, inputs, outputs, tasks

_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# Names of Argo's templates and tasks.
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]{0,98}[A-Za-z0-9])?")
_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_JSON_TYPES = {
    str: ("STRING",),
    bool: ("BOOLEAN",),
    float: _NUMBERS,
    int: _NUMBERS,
    list: ("LIST",),
    dict: ("STRUCT",),
}


def findings(documents: Documents) -> Iterator[Finding]:
    """What is wrong with the graphs."""
    yield from _names(documents.pipeline)
    yield from _runtime_parameters(documents)
    for graph in graphs(documents.pipeline):
        yield from _order(graph)
    for task in tasks(documents.pipeline):
        yield from _component(task, documents)
        yield from _missing_inputs(task)
        yield from _exit(task)
        for name, source in task.parameters.items():
            yield from _parameter(task, name, source, documents.pipeline)
        for name, source in task.artifacts.items():
            yield from _artifact(task, name, source, documents.pipeline)


def _names(pipeline: Mapping[str, Any]) -> Iterator[Finding]:
    name = pipeline.get("pipelineInfo", {}).get("name", "")
    if not _PIPELINE_NAME.fullmatch(name):
        yield error(
            "pipelineInfo.name", f'"{name}" should be up to 128 lower-case letters, digits and "-"'
        )
    used = [*pipeline.get("components", {}), *(task.name for task in tasks(pipeline))]
    for name in dict.fromkeys(used):
        if not _NAME.fullmatch(name):
            yield error(
                name, 'is no name for Argo: up to 100 letters, digits and "-", none of them last'
            )


def _runtime_parameters(documents: Documents) -> Iterator[Finding]:
    for name, parameter in documents.parameters.items():
        if "defaultValue" not in parameter:
            yield error(name, "is a runtime parameter without a default")
        elif not _fits(parameter["defaultValue"], parameter.get("parameterType")):
            yield error(name, f"has a default that is no {parameter.get('parameterType')}")


def _order(graph: Graph) -> Iterator[Finding]:
    for name, task in graph.tasks.items():
        for other in task.get("dependentTasks", []):
            if other not in graph.tasks:
                yield error(name, f"comes after {other}, and {graph.name} has no such task")
    try:
        graphlib.TopologicalSorter(_upstream(graph)).prepare()
    except graphlib.CycleError as problem:
        yield error(graph.name, f"has tasks that wait for each other: {', '.join(problem.args[1])}")


def _upstream(graph: Graph) -> dict[str, set[str]]:
    found = {}
    for name, task in graph.tasks.items():
        given = task.get("inputs", {})
        sources = [*given.get("parameters", {}).values(), *given.get("artifacts", {}).values()]
        producers = {_origin(source).get("producerTask") for source in sources} - {None}
        found[name] = {*task.get("dependentTasks", []), *producers} & set(graph.tasks)
    return found


def _origin(source: Mapping[str, Any]) -> Mapping[str, Any]:
    return source.get("taskOutputParameter") or source.get("taskOutputArtifact") or {}


def _component(task: Task, documents: Documents) -> Iterator[Finding]:
    if not task.component:
        name = task.spec.get("componentRef", {}).get("name", "")
        yield error(task.name, f'runs the component "{name}", which is not there')
    elif "dag" not in task.component and task.label not in documents.executors:
        yield error(task.name, f'has the executor "{task.label}", which is not there')


def _missing_inputs(task: Task) -> Iterator[Finding]:
    for kind, given in (("parameters", task.parameters), ("artifacts", task.artifacts)):
        for name, declared in inputs(task.component, kind).items():
            is_free = declared.get("isOptional") or "defaultValue" in declared
            if name not in given and not is_free:
                yield error(task.name, f"is not given {name}, and has no default for it")
        for name in given:
            if task.component and name not in inputs(task.component, kind):
                yield error(task.name, f"is given {name}, which its component does not take")


def _exit(task: Task) -> Iterator[Finding]:
    wants_status = [name for name, source in task.parameters.items() if "taskFinalStatus" in source]
    if wants_status and not task.is_exit:
        yield error(task.name, f"is given a final status ({wants_status[0]}) and is no exit task")
    if task.is_exit and not task.spec.get("dependentTasks"):
        yield error(task.name, "is an exit task of nothing: it should depend on a task")
    if task.is_exit and task.artifacts:
        yield error(task.name, "is an exit task and would wait in vain for an artifact")


def _parameter(
    task: Task, name: str, source: Mapping[str, Any], pipeline: Mapping[str, Any]
) -> Iterator[Finding]:
    wanted = inputs(task.component, "parameters").get(name, {}).get("parameterType")
    if wanted is None and name in inputs(task.component, "parameters"):
        yield error(task.name, f"takes {name} without a parameterType, as schema 2.0 had it")
    if "runtimeValue" in source:
        value = source["runtimeValue"].get("constant")
        if wanted != "STRING" and wanted is not None and not _fits(value, wanted):
            yield error(task.name, f"is given {name} = {value!r}, which is no {wanted}")
        return
    offered, complaint = _offered(task, source, pipeline)
    if complaint:
        yield error(task.name, f"is given {name} from {complaint}")
    # Kubeflow turns anything into text, and nothing into anything else.
    elif wanted not in ("STRING", offered, None) and {wanted, offered} != {*_NUMBERS}:
        yield error(task.name, f"takes {name} as {wanted} and is given {offered}")


def _offered(
    task: Task, source: Mapping[str, Any], pipeline: Mapping[str, Any]
) -> tuple[str | None, str]:
    """The type of what a parameter is given; or where it is looked for in vain."""
    if outer := source.get("componentInputParameter"):
        declared = inputs(task.graph.component, "parameters")
        absent = "" if outer in declared else f"{outer}, which {task.graph.name} does not take"
        return declared.get(outer, {}).get("parameterType"), absent
    if origin := source.get("taskOutputParameter"):
        made, absent = _made(task, origin["producerTask"], "parameters", pipeline)
        key = origin.get("outputParameterKey", "")
        if not absent and key not in made:
            absent = f"{origin['producerTask']}.{key}, which that task does not make"
        return made.get(key, {}).get("parameterType"), absent
    return "TASK_FINAL_STATUS", ""


def _made(
    task: Task, producer: str, kind: str, pipeline: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str]:
    if producer not in task.graph.tasks:
        return {}, f"the task {producer}, which is not in {task.graph.name}"
    name = task.graph.tasks[producer].get("componentRef", {}).get("name")
    return outputs(pipeline.get("components", {}).get(name, {}), kind), ""


def _artifact(
    task: Task, name: str, source: Mapping[str, Any], pipeline: Mapping[str, Any]
) -> Iterator[Finding]:
    if outer := source.get("componentInputArtifact"):
        if outer not in inputs(task.graph.component, "artifacts"):
            yield error(
                task.name, f"is given {name} from {outer}, which {task.graph.name} does not take"
            )
        return
    origin = source.get("taskOutputArtifact", {})
    producer, key = origin.get("producerTask", ""), origin.get("outputArtifactKey", "")
    made, absent = _made(task, producer, "artifacts", pipeline)
    if absent:
        yield error(task.name, f"is given {name} from {absent}")
    elif key not in made:
        yield error(task.name, f"is given {name} from {producer}.{key}, which it does not make")


def _fits(value: Any, kind: str | None) -> bool:
    return kind in _JSON_TYPES.get(type(value), ())
