"""Values that a cluster fills in at run time where TFX's graph knows constants only.

TFX compiles a placeholder where a step has a parameter of its own for it. What lies within JSON,
and what only Kubeflow's cache should see, becomes one more parameter of the task, which the pod
takes out again before TFX sees it.
"""

import json
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainer.errors import ConfigError

FLAG = "--bind"

Value = str | int | float | bool


@dataclass(frozen=True)
class Binding:
    """One more input parameter of a task.

    step: the id of the step, which is its task
    parameter: the name of the parameter of the task
    origin: a runtime parameter of the pipeline; or, where `producer` names a task, an output
      parameter of that task
    producer: see `origin`; empty for a runtime parameter
    kind: what Kubeflow takes it for
    target: where the pod puts the value: a property of the step, or `property:path.in.its.json`;
      empty drops it, so that it counts for the cache only
    """

    step: str
    parameter: str
    origin: str
    producer: str = ""
    kind: Literal["STRING", "NUMBER_INTEGER"] = "STRING"
    target: str = ""

    @property
    def arguments(self) -> list[str]:
        """What tells the pod of it."""
        return [FLAG, f"{self.parameter}={self.target}"]


def apply(told: Sequence[str], values: MutableMapping[str, Value]) -> dict[str, Value]:
    """Put bound values where they belong.

    Args:
      told: `parameter=target` each, as in `Binding.arguments`.
      values: the parameters of the task, which become the properties of the step.

    Returns:
      the values that were dropped, by parameter.

    Raises:
      ConfigError: the document names a parameter or a place that is not there.
    """
    dropped = {}
    for each in told:
        parameter, _, target = each.partition("=")
        if parameter not in values:
            raise ConfigError(_wrong(each, f"the task has no input parameter {parameter!r}"))
        value = values.pop(parameter)
        if target:
            _put(each, target, value, values)
        else:
            dropped[parameter] = value
    return dropped


def _put(told: str, target: str, value: Value, values: MutableMapping[str, Value]) -> None:
    name, _, path = target.partition(":")
    if not path:
        values[name] = value
        return
    try:
        whole = json.loads(str(values[name]))
        *above, last = path.split(".")
        inner: Any = whole
        for part in above:
            inner = inner[_key(inner, part)]
        before = inner[_key(inner, last)]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ConfigError(_wrong(told, f"there is no such place ({error!r})")) from None
    inner[_key(inner, last)] = type(before)(value) if before is not None else value
    values[name] = json.dumps(whole)


def _key(container: Any, part: str) -> str | int:
    return int(part) if isinstance(container, list) else part


def _wrong(told: str, why: str) -> str:
    return (
        f"{FLAG} {told}: {why}; the image and the compiled pipeline are of different versions: "
        "compile the pipeline again with the code of the image"
    )
