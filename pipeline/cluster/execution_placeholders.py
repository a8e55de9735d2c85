"""The placeholders of a command, filled as KFP's launcher fills them.

The launcher knows five: `{{$}}`, `inputs.parameters['x']`, `inputs|outputs.artifacts['x'].uri`
and `.path`, and `outputs.parameters['x'].output_file`. Any other reaches the container as it is
written: those of the run (`{{$.pipeline_job_uuid}}`) are filled by the driver, and only where
they are the whole value of an input parameter.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.cluster import execution_values as values

ANY = re.compile(r"\{\{\$[^}]*\}\}")
_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")


def filled(
    words: Sequence[str], executor_input: Mapping[str, Any], *, path_of: Callable[[str], str]
) -> list[str]:
    """A command with its placeholders filled; `path_of` tells where a URI is staged."""
    found = _found(executor_input, path_of)
    present = set(executor_input["inputs"].get("parameterValues", {}))
    present |= set(executor_input["inputs"].get("artifacts", {}))
    return [
        ANY.sub(lambda match: found.get(match[0], match[0]), part)
        for word in words
        for part in _structured(word, present)
    ]


def unknown(words: Sequence[str]) -> list[str]:
    """What is still written as a placeholder in a filled command, outside of `{{$}}`."""
    return sorted(
        {match for word in words if not word.startswith('{"') for match in ANY.findall(word)}
    )


def with_references(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Input parameters, each reference to another one in its text replaced."""

    def value(match: re.Match[str]) -> str:
        return values.text(parameters[match[1]]) if match[1] in parameters else match[0]

    return {
        name: _PARAMETER.sub(value, item) if isinstance(item, str) else item
        for name, item in parameters.items()
    }


def of_run(value: Any, facts: Mapping[str, str]) -> Any:
    """What the driver makes of the constant of an input parameter; facts: name -> text."""
    match = re.fullmatch(r"\{\{\$\.(\w+)\}\}", value) if isinstance(value, str) else None
    return facts.get(match[1], value) if match else value


def _found(executor_input: Mapping[str, Any], path_of: Callable[[str], str]) -> dict[str, str]:
    found = {"{{$}}": json.dumps(executor_input, separators=(",", ":"))}
    for name, value in executor_input["inputs"].get("parameterValues", {}).items():
        found[f"{{{{$.inputs.parameters['{name}']}}}}"] = values.text(value)
    for side in ("inputs", "outputs"):
        for name, listed in executor_input[side].get("artifacts", {}).items():
            uri = listed["artifacts"][0]["uri"] if listed["artifacts"] else ""
            found[f"{{{{$.{side}.artifacts['{name}'].uri}}}}"] = uri
            found[f"{{{{$.{side}.artifacts['{name}'].path}}}}"] = path_of(uri)
    for name, file in executor_input["outputs"].get("parameters", {}).items():
        found[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = file["outputFile"]
    return found


def _structured(word: str, present: set[str]) -> list[str]:
    """The words that `{"IfPresent": ...}` or `{"Concat": ...}` stands for."""
    if not word.startswith(('{"IfPresent": ', '{"Concat": ')):
        return [word]
    return _words(json.loads(word), present)


def _words(part: Any, present: set[str]) -> list[str]:
    match part:
        case {"Concat": [*parts]}:
            return ["".join(word for item in parts for word in _words(item, present))]
        case {"IfPresent": {"InputName": name, **branches}}:
            return _words(branches.get("Then" if name in present else "Else"), present)
        case list():
            return [word for item in part for word in _words(item, present)]
        case None:
            return []
    return [part]
