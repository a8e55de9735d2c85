"""What the summary of a cluster's run must know beforehand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """A step that a run may come to.

    upstream: names of the steps that must be done before it
    key: digest of what the documents say of it
    made_from: the output of Prepare that changes with its inputs; empty for steps that always run
    """

    name: str
    upstream: Sequence[str]
    key: str
    made_from: str


@dataclass(frozen=True)
class Order:
    """What was compiled.

    config: every setting
    command: the words of the command line
    weights: the file of the pretrained weights in a pod; empty for a random base
    state: the folder that is kept from run to run; empty where there is none
    steps: in order, without the summary itself
    """

    config: Mapping[str, Any]
    preset: str
    command: Sequence[str]
    weights: str
    weights_sha256: str
    state: str
    steps: Sequence[Expected]


def parsed(text: str) -> Order:
    """What `json.dumps(asdict(order))` has written."""
    stored = json.loads(text)
    return Order(**{**stored, "steps": [Expected(**step) for step in stored["steps"]]})
