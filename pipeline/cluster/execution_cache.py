"""The cache of steps, by KFP's rules: what of a step enters its key, and what does not.

Into the key go the input parameters, the names (ids) of the input artifacts, the types and
metadata of the outputs, the command as it is compiled, the image and the names of claims. What
an input artifact holds, the environment and secrets do not. Entries belong to a pipeline's name.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster.execution_inputs import Given


def key(
    executor_input: Mapping[str, Any],
    *,
    output_kinds: Mapping[str, str],
    command: Sequence[str],
    image: str,
    claims: Sequence[str],
) -> str:
    """The fingerprint of a step, in hexadecimal."""
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    content = {
        "parameters": inputs["parameterValues"],
        "artifacts": {
            name: [artifact["name"] for artifact in listed["artifacts"]]
            for name, listed in inputs["artifacts"].items()
        },
        "output_artifacts": {
            name: {**listed["artifacts"][0], "uri": ""}
            for name, listed in outputs["artifacts"].items()
        },
        "output_parameters": dict(output_kinds),
        "container": {"image": image, "command": list(command), "claims": sorted(set(claims))},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def stored(folder: Path, fingerprint: str) -> Given | None:
    """What the latest run of the same step has made."""
    try:
        content = json.loads((folder / f"{fingerprint}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Given(content["parameters"], content["artifacts"])


def store(folder: Path, fingerprint: str, outputs: Given) -> None:
    """Keep what a step has made, in one step: an interrupted run leaves no half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{fingerprint}"
    content = {"parameters": outputs.parameters, "artifacts": outputs.artifacts}
    fresh.write_text(json.dumps(content, indent=2), encoding="utf-8")
    fresh.replace(folder / f"{fingerprint}.json")
