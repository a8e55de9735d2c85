"""The first document: TFX's compiler makes a `PipelineSpec`, and this completes it.

What TFX leaves out, or does as Vertex AI wants it, is done here as KFP's own SDK does it: defaults
of runtime parameters, parameters of the graph inside the exit handler's, caching, retries and
resources of each step, and the parameters that are bound into a step's JSON.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.cluster import platform
from pipeline.cluster.bindings import Binding
from pipeline.cluster.pipeline import COMMAND, ClusterPipeline
from pipeline.cluster.quantities import cores, gigabytes
from pipeline.cluster.settings import KubeflowSettings, StepSettings

# TFX's name for the graph that the exit handler waits for.
_GRAPH = "tfx-dag"
_TASK_SUFFIX = "_task"
_KINDS = {bool: "BOOLEAN", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", str: "STRING"}

Spec = dict[str, Any]


def pipeline_spec(
    cluster: ClusterPipeline, settings: KubeflowSettings, *, image: str, root: str
) -> Spec:
    """The `PipelineSpec` in its JSON form.

    Args:
      cluster: the graph, its exit handler, its runtime parameters and its bindings.
      settings: what the cluster is asked for.
      image: the container image of every step.
      root: where the steps' artifacts go.
    """
    spec = _translated(cluster, image)
    spec["defaultPipelineRoot"] = root
    graph = spec["components"][_GRAPH]
    _declare_parameters(spec, cluster.parameter_defaults)
    tasks = {**graph["dag"]["tasks"], **_exit_tasks(spec)}
    for name, task in tasks.items():
        _mend_producers(task)
        _complete_task(task, settings, name)
        container = _container(spec, task)
        container["args"] = [*cluster.pod_arguments[name], *container["args"]]
        _complete_container(container, settings, name)
    for binding in cluster.bindings:
        _bind(spec, tasks[binding.step], binding)
    _hand_down_parameters(spec, graph)
    for task in _exit_tasks(spec).values():
        _declare_status(spec, task)
    return spec


def steps_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """Label of each executor -> name of the step."""
    tasks = {**spec["components"][_GRAPH]["dag"]["tasks"], **_exit_tasks(spec)}
    return {
        spec["components"][task["componentRef"]["name"]]["executorLabel"]: name
        for name, task in tasks.items()
    }


def _translated(cluster: ClusterPipeline, image: str) -> Spec:
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner

    runner = tfx_runner.KubeflowV2DagRunner(
        tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=image, default_commands=[*COMMAND], use_pipeline_spec_2_1=True
        )
    )
    runner.set_exit_handler(cluster.exit_handler)
    return runner.run(cluster.pipeline, write_out=False)["pipelineSpec"]


def _exit_tasks(spec: Mapping[str, Any]) -> dict[str, Spec]:
    tasks = spec["root"]["dag"]["tasks"]
    return {name: task for name, task in tasks.items() if name != _GRAPH}


def _container(spec: Spec, task: Spec) -> Spec:
    label = _component(spec, task)["executorLabel"]
    return spec["deploymentSpec"]["executors"][label]["container"]


def _component(spec: Spec, task: Spec) -> Spec:
    return spec["components"][task["componentRef"]["name"]]


def _mend_producers(task: Spec) -> None:
    # TFX writes "Prepare_task", and no task has that name.
    for _, parameter in _inputs(task):
        if origin := parameter.get("taskOutputParameter"):
            origin["producerTask"] = origin["producerTask"].removesuffix(_TASK_SUFFIX)


def _complete_task(task: Spec, settings: KubeflowSettings, name: str) -> None:
    task["cachingOptions"] = {"enableCache": True} if settings.is_cached(name) else {}
    step = settings.step(name)
    if step.retries:
        task["retryPolicy"] = {
            "maxRetryCount": step.retries,
            "backoffDuration": f"{step.backoff_seconds}s",
            "backoffFactor": step.backoff_factor,
            "backoffMaxDuration": f"{step.backoff_max_seconds}s",
        }


def _bind(spec: Spec, task: Spec, binding: Binding) -> None:
    """Give a step a parameter that its entry point takes out again before TFX sees it."""
    declared = _component(spec, task).setdefault("inputDefinitions", {})
    _set(declared, "parameters", binding.parameter, {"parameterType": binding.kind})
    origin: Spec = {"componentInputParameter": binding.origin}
    if binding.producer:
        produced = {"producerTask": binding.producer, "outputParameterKey": binding.origin}
        origin = {"taskOutputParameter": produced}
        # TFX declares an output parameter only where it has compiled a placeholder for it.
        outputs = spec["components"][binding.producer].setdefault("outputDefinitions", {})
        _set(outputs, "parameters", binding.origin, {"parameterType": binding.kind})
    _set(task.setdefault("inputs", {}), "parameters", binding.parameter, origin)


def _complete_container(container: Spec, settings: KubeflowSettings, name: str) -> None:
    step = settings.step(name)
    if step.env:
        container["env"] = [
            {"name": variable, "value": value} for variable, value in sorted(step.env.items())
        ]
    resources = _resources(step)
    if device := platform.accelerator(settings, name):
        # A message's 64-bit integers are strings in JSON, and the newer field is one anyway.
        count = str(device.count)
        resources["accelerator"] = {
            "type": device.type,
            "count": count,
            "resourceType": device.type,
            "resourceCount": count,
        }
    if resources:
        container["resources"] = resources


def _resources(step: StepSettings) -> Spec:
    """Cores and memory twice, as the SDK writes them: servers before 2.5 read the numbers only."""
    found: Spec = {}
    for end, amount in (("Request", step.cpu_request), ("Limit", step.cpu_limit)):
        if amount is not None:
            found |= {f"cpu{end}": cores(amount), f"resourceCpu{end}": amount}
    for end, amount in (("Request", step.memory_request), ("Limit", step.memory_limit)):
        if amount is not None:
            found |= {f"memory{end}": gigabytes(amount), f"resourceMemory{end}": amount}
    return found


def _declare_parameters(spec: Spec, defaults: Mapping[str, Any]) -> None:
    declared = {
        name: {
            "parameterType": _KINDS[type(value)],
            "defaultValue": float(value) if type(value) is int else value,
            "isOptional": True,
        }
        for name, value in sorted(defaults.items())
    }
    spec["root"]["inputDefinitions"] = {"parameters": declared}


def _hand_down_parameters(spec: Spec, graph: Spec) -> None:
    """A graph within a graph sees the parameters that it declares and is given, no others."""
    root = spec["root"]
    for task in graph["dag"]["tasks"].values():
        for _, parameter in _inputs(task):
            if outer := parameter.get("componentInputParameter"):
                kind = {
                    "parameterType": root["inputDefinitions"]["parameters"][outer]["parameterType"]
                }
                _set(graph.setdefault("inputDefinitions", {}), "parameters", outer, kind)
                holder = root["dag"]["tasks"][_GRAPH].setdefault("inputs", {})
                _set(holder, "parameters", outer, {"componentInputParameter": outer})


def _declare_status(spec: Spec, task: Spec) -> None:
    parameters = _component(spec, task)["inputDefinitions"]["parameters"]
    for name, parameter in _inputs(task):
        if "taskFinalStatus" in parameter:
            # KFP gives a structure, not the text that Vertex AI gives.
            parameters[name] = {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}


def _inputs(task: Spec) -> Iterable[tuple[str, Spec]]:
    return task.get("inputs", {}).get("parameters", {}).items()


def _set(holder: Spec, table: str, name: str, value: Spec) -> None:
    holder.setdefault(table, {})[name] = value
