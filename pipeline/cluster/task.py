"""What a pod is to do, and what it has done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREPARE = "Prepare"
MADE_FROM = "made_from"
"""A parameter for the cache alone: it changes with everything that the inputs are made from."""


@dataclass(frozen=True)
class Task:
    """What a pod is told beside TFX's own arguments.

    step: the name of the step
    run: the cluster's id of the run; empty where it is not known
    key: digest of what the document says of the step
    state: the folder that is kept from run to run; None keeps nothing
    weights: path or URI of the pretrained weights; None where the step needs none
    bound: `parameter=target` each; see `pipeline.cluster.bindings`
    """

    step: str
    run: str
    key: str = ""
    state: Path | None = None
    weights: str | None = None
    weights_sha256: str = ""
    bound: Sequence[str] = ()


@dataclass(frozen=True)
class Made:
    """An output of a step: its type, where it lies in this pod, and what the step said of it."""

    type_name: str
    path: Path
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """What a step has put out.

    made_from: see `pipeline.cluster.records.StepRecord`
    values: output parameter -> its value
    outputs: name -> artifact
    """

    made_from: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Made] = field(default_factory=dict)
