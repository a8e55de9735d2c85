"""Artifacts as the driver plans them and as ML Metadata hands them on."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pipeline.cluster import execution_values as values
from pipeline.cluster.execution_inputs import Given
from pipeline.cluster.execution_run import Record, Run, Task


def planned(run: Run, task: Task) -> dict[str, dict[str, Any]]:
    """Output name -> type, URI and metadata, before the step has run."""
    document = run.document
    folder = f"{document.root.rstrip('/')}/{document.name}/{run.run_id}/{task.name}/{uuid4()}"
    return {
        name: {
            "type": values.plain(one.artifact_type),
            "uri": f"{folder}/{name}",
            "metadata": values.plain(one.metadata),
        }
        for name, one in task.component.output_definitions.artifacts.items()
    }


def registered(name: str, plan: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """A planned artifact with what its step told of it, as ML Metadata hands it on.

    It has an id for a name, carries the output's name, and its truths have become numbers.
    """
    metadata = {"display_name": name, **plan["metadata"], **told.get("metadata", {})}
    numbers = {key: int(item) for key, item in metadata.items() if isinstance(item, bool)}
    return {
        "name": str(uuid4().int >> 80),
        "type": plan["type"],
        "uri": told.get("uri") or plan["uri"],
        "metadata": {**metadata, **numbers},
    }


def imported(run: Run, task: Task, given: Given) -> tuple[Record, Given]:
    """What an importer makes: the artifact at a URI; one that is known keeps its id."""
    importer = run.document.executors[task.label].importer
    uri = importer.artifact_uri.constant.string_value
    uri = uri or str(given.parameters.get(importer.artifact_uri.runtime_parameter, ""))
    if not uri:
        raise ValueError("the importer was given no URI")
    name, declared = next(iter(task.component.output_definitions.artifacts.items()))
    plan = {"type": values.plain(declared.artifact_type), "uri": uri, "metadata": {}}
    artifact = registered(name, plan, {"metadata": values.plain(importer.metadata)})
    if not importer.reimport:
        artifact["name"] = _lasting_id(artifact)
    return Record(task.path, "ran"), Given({}, {name: [artifact]})


def _lasting_id(artifact: Mapping[str, Any]) -> str:
    content = json.dumps({**artifact, "name": ""}, sort_keys=True)
    return str(int(hashlib.sha256(content.encode()).hexdigest()[:12], 16))
