"""The order of things: the tasks of a DAG, the DAGs in it, conditions, loops and exit tasks.

Steps run one after another, in an order that dependencies and then names decide. As in Argo, a
failed step lets no further one start, a step after a skipped one is skipped, and an exit task
runs when what it depends on has ended, whatever the end.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.cluster import execution_artifacts as artifacts
from pipeline.cluster import execution_inputs as inputs
from pipeline.cluster import execution_step as steps
from pipeline.cluster import execution_values as values
from pipeline.cluster.execution_document import Document
from pipeline.cluster.execution_inputs import Given, Scope
from pipeline.cluster.execution_run import Record, Run, Task

_EXIT = "ALL_UPSTREAM_TASKS_COMPLETED"
_DONE = ("ran", "cached")


def execute(run: Run, component: Any, given: Given, *, path: str = "") -> tuple[str, Given]:
    """Run a DAG; tell its state, `ran` or `failed`, and what it hands out."""
    scope = Scope(given)
    tasks = component.dag.tasks
    exits = {name for name, task in tasks.items() if _is_exit(task)}
    for name in _ordered(tasks):
        if name not in exits:
            _take(run, tasks[name], scope, path=f"{path}{name}", name=name)
            _exit_after(run, tasks, scope, path=path, ended=name, exits=exits)
    state = "failed" if "failed" in scope.states.values() else "ran"
    return state, _handed_out(component.dag.outputs, scope) if state == "ran" else Given()


def _exit_after(
    run: Run,
    tasks: Mapping[str, Any],
    scope: Scope,
    *,
    path: str,
    ended: str,
    exits: set[str],
) -> None:
    for name in sorted(exits):
        if ended in tasks[name].dependent_tasks and scope.states[ended] != "skipped":
            _take(run, tasks[name], scope, path=f"{path}{name}", name=name)


def _take(run: Run, spec: Any, scope: Scope, *, path: str, name: str) -> None:
    """Run one task of a DAG, unless what comes before it or its condition forbids it."""
    task = Task(path, spec, run.document.component(spec))
    try:
        given = _admitted(run, task, scope)
        if given is None:
            _tell_skipped(run, task)
            scope.states[name] = "skipped"
        else:
            scope.states[name], scope.outputs[name] = _done(run, task, given)
    except ValueError as error:
        scope.states[name] = "failed"
        run.told(Record(path, "failed", reason=str(error)))


def _admitted(run: Run, task: Task, scope: Scope) -> Given | None:
    """The inputs of a task that may start."""
    upstream = [scope.states.get(name) for name in _dependencies(task.spec)]
    may_start = "failed" not in scope.states.values() and all(one in _DONE for one in upstream)
    if not may_start and not _is_exit(task.spec):
        return None
    given = inputs.resolved(task.spec, task.component, scope, facts=run.facts(task.name))
    return given if inputs.is_triggered(task.spec, given) else None


def _done(run: Run, task: Task, given: Given) -> tuple[str, Given]:
    """Run a task, whatever it is: its state and what it has made."""
    if task.is_dag and task.spec.HasField("parameter_iterator"):
        return _looped(run, task, given)
    if task.is_dag:
        return execute(run, task.component, given, path=f"{task.path}/")
    kind = run.document.executors[task.label].WhichOneof("spec")
    does = artifacts.imported if kind == "importer" else steps.execute
    record, outputs = does(run, task, given)
    run.told(record)
    return record.state, outputs


def _looped(run: Run, task: Task, given: Given) -> tuple[str, Given]:
    """Run a DAG once for each item; what it hands out becomes lists."""
    iterator = task.spec.parameter_iterator
    source = iterator.items.input_parameter
    items = given.parameters[source] if source else values.whole(json.loads(iterator.items.raw))
    items = json.loads(items) if isinstance(items, str) else items
    outer = {name: value for name, value in given.parameters.items() if name != source}
    ended: list[tuple[str, Given]] = []
    for number, item in enumerate(items):
        inner = Given({**outer, iterator.item_input: item}, given.artifacts)
        ended.append(execute(run, task.component, inner, path=f"{task.path}.{number}/"))
        if ended[-1][0] == "failed":
            return "failed", Given()
    return "ran", _gathered([outputs for _, outputs in ended])


def _gathered(outputs: Sequence[Given]) -> Given:
    first = outputs[0] if outputs else Given()
    return Given(
        {name: [one.parameters[name] for one in outputs] for name in first.parameters},
        {name: [a for one in outputs for a in one.artifacts[name]] for name in first.artifacts},
    )


def _handed_out(declared: Any, scope: Scope) -> Given:
    """The outputs of a DAG: those of its tasks, or of the one branch that ran."""
    parameters, made_artifacts = {}, {}
    for name, output in declared.parameters.items():
        one_of = output.value_from_oneof.parameter_selectors
        for selector in [output.value_from_parameter, *one_of]:
            if selector.producer_subtask in scope.outputs:
                made = scope.outputs[selector.producer_subtask]
                key, task = selector.output_parameter_key, selector.producer_subtask
                parameters[name] = inputs.taken(made.parameters, key, task)
    for name, output in declared.artifacts.items():
        for selector in output.artifact_selectors:
            if selector.producer_subtask in scope.outputs:
                made = scope.outputs[selector.producer_subtask]
                key, task = selector.output_artifact_key, selector.producer_subtask
                made_artifacts[name] = inputs.taken(made.artifacts, key, task)
    return Given(parameters, made_artifacts)


def _tell_skipped(run: Run, task: Task) -> None:
    paths = [task.path]
    if task.is_dag:
        paths = _steps_of(run.document, task.component, path=f"{task.path}/")
    for path in paths:
        run.told(Record(path, "skipped"))


def _steps_of(document: Document, component: Any, *, path: str) -> list[str]:
    """The paths of all steps in a DAG, in the order in which they would run."""
    found = []
    for name in _ordered(component.dag.tasks):
        inner = document.component(component.dag.tasks[name])
        is_dag = inner.WhichOneof("implementation") == "dag"
        deeper = _steps_of(document, inner, path=f"{path}{name}/") if is_dag else [f"{path}{name}"]
        found += deeper
    return found


def _is_exit(task: Any) -> bool:
    from kfp.pipeline_spec import pipeline_spec_pb2

    policy = pipeline_spec_pb2.PipelineTaskSpec.TriggerPolicy  # pyright: ignore[reportAttributeAccessIssue]
    return policy.TriggerStrategy.Name(task.trigger_policy.strategy) == _EXIT


def _dependencies(task: Any) -> list[str]:
    """The tasks that come first: those that are named, and those whose outputs are taken."""
    found = set(task.dependent_tasks)
    for spec in task.inputs.parameters.values():
        found |= {spec.task_output_parameter.producer_task, spec.task_final_status.producer_task}
    for spec in task.inputs.artifacts.values():
        found.add(spec.task_output_artifact.producer_task)
    return sorted(found - {""})


def _ordered(tasks: Mapping[str, Any]) -> list[str]:
    """The names of tasks, each after those that it depends on."""
    left = {name: set(_dependencies(task)) for name, task in tasks.items()}
    found: list[str] = []
    while left:
        ready = sorted(name for name, before in left.items() if not before & left.keys())
        if not ready:
            raise ValueError(f"the tasks {', '.join(sorted(left))} wait for each other")
        found.append(ready[0])
        del left[ready[0]]
    return found
