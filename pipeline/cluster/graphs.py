"""The tasks of a compiled pipeline, graph by graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]
EXIT = "ALL_UPSTREAM_TASKS_COMPLETED"
"""The strategy of a task that comes last, whatever happened."""


@dataclass(frozen=True)
class Graph:
    """A component that is made of tasks; `root` is the whole pipeline."""

    name: str
    component: Spec

    @property
    def tasks(self) -> Spec:
        return self.component.get("dag", {}).get("tasks", {})


@dataclass(frozen=True)
class Task:
    """A task, the graph that it is part of, and the component that it runs."""

    name: str
    spec: Spec
    graph: Graph
    component: Spec

    @property
    def label(self) -> str:
        """Of its executor; empty for a graph, or where there is no such component."""
        return self.component.get("executorLabel", "")

    @property
    def parameters(self) -> Spec:
        """Input parameter -> where its value comes from."""
        return self.spec.get("inputs", {}).get("parameters", {})

    @property
    def artifacts(self) -> Spec:
        """Input artifact -> where it comes from."""
        return self.spec.get("inputs", {}).get("artifacts", {})

    @property
    def is_exit(self) -> bool:
        return self.spec.get("triggerPolicy", {}).get("strategy") == EXIT


def graphs(pipeline: Spec) -> Iterator[Graph]:
    """The root and every graph within it."""
    yield Graph("root", pipeline.get("root", {}))
    for name, component in pipeline.get("components", {}).items():
        if "dag" in component:
            yield Graph(name, component)


def tasks(pipeline: Spec) -> Iterator[Task]:
    """Every task of every graph."""
    components = pipeline.get("components", {})
    for graph in graphs(pipeline):
        for name, spec in graph.tasks.items():
            component = components.get(spec.get("componentRef", {}).get("name"), {})
            yield Task(name, spec, graph, component)


def inputs(component: Spec, kind: str) -> Spec:
    """What a component takes: its `parameters` or its `artifacts`."""
    return component.get("inputDefinitions", {}).get(kind, {})


def outputs(component: Spec, kind: str) -> Spec:
    """What a component makes: its `parameters` or its `artifacts`."""
    return component.get("outputDefinitions", {}).get(kind, {})
