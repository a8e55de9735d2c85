"""What is known of a step before it runs: whether TFX's cache answers for it, and if not, why.

A step runs where a parameter, an input or the code is not as it was, and the parameters of our own
steps are settings under other names: here they get their names back.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.changes import Change, changes

Parameters = Mapping[str, Any]

_FIRST = "first run"
# Only where nothing else tells which.
_OF_ALL = "the data, the code, the schema or a bound changed"
# A metric without a threshold is not there.
_OPTIONAL = {"settings.thresholds.": None}
# Of these the parameter `settings` is one section of the configuration; of others it is several.
_SECTIONS = {
    "ImageExampleGen": "data",
    "DataGate": "gate",
    "Evaluator": "evaluate",
    "ServingGate": "serving_gate",
}
_BEGINNINGS = {"keeping.": "features.", "tune.": "tune."}
_SETTINGS = {
    "max_pixels": "data.max_pixels",
    "keep_versions": "push.keep_versions",
    "size": "image.size",
    "data": "--data",
    "span": "--span",
    "weights": "--weights",
    "accept_reason": "--accept-data",
    "force_bless": "--force-bless",
    "model_name": "push.model_name",
}
_TOLD = {
    "code": "the code changed",
    "weights_sha256": "the weights changed",
    "schema_file": "the curated schema changed",
    "is_curated": "there is a curated schema now, or none any more",
    "baseline": "other data were accepted since",
    "push_request": "this model is not pushed, or another one was pushed after it",
    "example_splits": "another split is judged",
    "judged_split": "another split is judged",
}
_FINGERPRINTS = {
    "ImageExampleGen": "the data changed",
    "DataGate": _OF_ALL,
    "BlessedModel": "another model was blessed last",
}
_MADE = {
    "yes": "what it made before is gone, damaged or was refused",
    "failed": "it did not end well before",
    "no": "its Beam runner or TFX itself is another",
}


@dataclass(frozen=True)
class Reason:
    """Why a step runs.

    setting: the setting or option that changed, with its values; None where it is something else
    """

    text: str
    setting: Change | None = None


@dataclass(frozen=True)
class Outlook:
    """A step that may run.

    parameters: what it is told now
    before: what it was told when it last ended well; None where it never has
    waits_for: steps that run, too, and whose outputs it takes
    other_inputs: steps that do not run, and gave it something else the last time
    was_made: whether it has done the very same before
    """

    step: str
    is_cached: bool
    parameters: Parameters
    before: Parameters | None = None
    waits_for: Sequence[str] = ()
    other_inputs: Sequence[str] = ()
    was_made: Literal["yes", "failed", "no"] = "no"


def reasons(outlook: Outlook) -> list[Reason]:
    """Why a step runs; none where it is cached."""
    if outlook.is_cached:
        return []
    if outlook.before is None:
        return [Reason(_FIRST)]
    before, now = _unfolded(outlook.before), _unfolded(outlook.parameters)
    found = [_reason(outlook.step, change) for change in changes(before, now, optional=_OPTIONAL)]
    found += [Reason(f"{name} runs") for name in outlook.waits_for]
    found += [Reason(f"{name} gave it something else then") for name in outlook.other_inputs]
    told = [each for each in dict.fromkeys(found) if each.text != _OF_ALL]
    return told or found[:1] or [Reason(_MADE[outlook.was_made])]


def _unfolded(parameters: Parameters) -> dict[str, Any]:
    """The parameters with JSON objects as tables; those of `custom_config` as if they were own."""
    tables = {name: _table(value) for name, value in parameters.items()}
    own = tables.pop("custom_config", None)
    return {**tables, **(own if isinstance(own, Mapping) else {})}


def _table(value: Any) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return value
    return found if isinstance(found, Mapping) else value


def _reason(step: str, change: Change) -> Reason:
    name = change.name
    if name == "fingerprint" and step in _FINGERPRINTS:
        return Reason(_FINGERPRINTS[step])
    if name in _TOLD:
        return Reason(_TOLD[name])
    setting = _setting(step, name)
    if setting is None:
        return Reason(f"its parameter {name} changed")
    named = replace(change, name=setting)
    return Reason(str(named), named)


def _setting(step: str, name: str) -> str | None:
    """What a person calls a parameter."""
    if name.startswith("settings."):
        section = _SECTIONS.get(step)
        own = name.removeprefix("settings.")
        return f"{section}.{own}" if section else own
    for start, section in _BEGINNINGS.items():
        if name.startswith(start):
            return section + name.removeprefix(start)
    return _SETTINGS.get(name)
