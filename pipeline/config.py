"""The whole configuration of a run: its sections, how it is put together, and its TOML.

A setting is looked for in the defaults, the preset, the file and `--set`; the last one wins.
Tables are merged key by key. `"none"` unsets an optional setting, and takes a metric out of
`evaluate.thresholds`.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from components.evaluate_settings import METRICS, EvaluateSettings
from components.gate_settings import GateSettings
from components.serving_gate_settings import ServingGateSettings
from components.settings import FeatureSettings, IngestionSettings
from pipeline.cluster.settings import KubeflowSettings
from pipeline.layers import Layer, is_table, merged, stacked
from trainer import search_space
from trainer.errors import ConfigError
from trainer.settings import Frozen, Positive, TrainerSettings
from trainer.tune_settings import TuneSettings
from trainer.weights import RANDOM

Comment = Callable[[Sequence[str]], Sequence[str]]


class PushSettings(Frozen):
    """Where a blessed model goes."""

    model_name: str = "frostline"
    """The folder under `serving/`, and the name in TF Serving's URL."""
    untrained: bool = False
    """Push a model whose base has random weights, too."""
    keep_versions: Positive = 5
    """Versions under `serving/` that stay; a push removes older ones."""

    @field_validator("model_name")
    @classmethod
    def _is_one_url_segment(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise ValueError(
                "should be 1 to 100 letters, digits, '.', '_' or '-', a letter or digit first"
            )
        return name


class BeamSettings(Frozen):
    """Where Beam's own work runs."""

    runner: Literal["in_process", "multi_processing"] = "in_process"
    """`multi_processing` pays for itself from some ten thousand images on."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Worker processes; 0 means all cores."""


class ReportSettings(Frozen):
    """What `report.html` shows."""

    images: bool = True
    """Small copies of images; without them the page has their names and scores only, so that it can
    be shown where the images must not be."""


class Config(TrainerSettings):
    """Everything that can be set for a run."""

    data: IngestionSettings = IngestionSettings()
    gate: GateSettings = GateSettings()
    features: FeatureSettings = FeatureSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    serving_gate: ServingGateSettings = ServingGateSettings()
    push: PushSettings = PushSettings()
    beam: BeamSettings = BeamSettings()
    tune: TuneSettings = TuneSettings()
    report: ReportSettings = ReportSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()

    @model_validator(mode="after")
    def _search_finds_its_features(self) -> "Config":
        tune = self.tune
        if not tune.enabled:
            return self
        # Raises a ConfigError. A base that turns out to be random is noticed when it runs.
        search_space.of(self, tune, is_random=self.model.weights == RANDOM)
        if self.features.keep == "head" and set(tune.head or ()) - {self.model.head}:
            raise ValueError(
                f'tune.head = {tune.head} needs features of both heads, and features.keep = "head" '
                f'keeps those of "{self.model.head}": --set features.keep=all'
            )
        return self


def resolve(
    *, preset: str, file: Path | None, overrides: Sequence[str], weights: str | None
) -> Config:
    """Put a configuration together: defaults < preset < file < overrides (`a.b=value`).

    `weights` is `model.weights`, set last; an override that says otherwise is an error.

    Raises:
        ConfigError: naming every unknown key and every wrong value at once.
    """
    layers = stacked(preset=preset, file=file, overrides=overrides, weights=weights)
    tables: Any = Config().model_dump()
    for layer in layers:
        tables = merged(tables, layer.values)
    try:
        return Config.model_validate(tables, strict=True)
    except ValidationError as error:
        problems = [_problem(details, layers) for details in error.errors()]
        raise ConfigError("\n".join(problems)) from None


def to_toml(config: Config, *, comment: Comment = lambda path: ()) -> str:
    """The configuration as TOML that `resolve` reads back, whatever the preset.

    Unset settings are written as "none", so that they unset what a preset sets.

    Args:
        comment: lines to be written above the table or the setting at a path.
    """
    tables = config.model_dump()
    unset = dict.fromkeys(METRICS)
    tables["evaluate"]["thresholds"] = unset | tables["evaluate"]["thresholds"]
    return "\n\n".join(_toml_tables(tables, path=(), comment=comment)) + "\n"


def _toml_tables(
    table: Mapping[str, Any], *, path: tuple[str, ...], comment: Comment
) -> Iterator[str]:
    values = {key: value for key, value in table.items() if not (is_table(value) and value)}
    if values:
        lines = [*comment(path), f"[{'.'.join(map(_toml_key, path))}]"]
        for key, value in values.items():
            lines += [*comment((*path, key)), f"{_toml_key(key)} = {toml_value(value)}"]
        yield "\n".join(lines)
    for key, value in table.items():
        if key not in values:
            yield from _toml_tables(value, path=(*path, key), comment=comment)


def toml_value(value: Any) -> str:
    """A value of a setting as TOML."""
    if is_table(value):
        pairs = (f"{_toml_key(key)} = {toml_value(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    # JSON's strings, booleans and finite numbers are TOML's too, DEL apart.
    text = "none" if value is None else value
    return json.dumps(text, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def _problem(details: ErrorDetails, layers: Sequence[Layer]) -> str:
    """One line on one of pydantic's errors: key, value, source, and what is accepted."""
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    accepted = _ACCEPTED.get(details["type"]) or details["msg"]
    accepted = accepted.removeprefix("Value error, ").replace("Input should", "should")
    if not path:
        return accepted
    source = next((layer.source for layer in reversed(layers) if layer.mentions(path)), "defaults")
    if details["type"] == "extra_forbidden" or "[key]" in details["loc"]:
        return f"{'.'.join(path)} (from {source}): {_no_such_key(path)}"
    if is_table(details["input"]):
        return f"{'.'.join(path)} (from {source}): {accepted}"
    return f"{'.'.join(path)} = {toml_value(details['input'])} (from {source}): {accepted}"


_ACCEPTED = {
    "bool_type": "should be true or false",
    "dict_type": "should be a table of settings",
    "float_type": "should be a number",
    "int_from_float": "should be a whole number",
    "int_type": "should be a whole number",
    "model_type": "should be a table of settings",
    "string_type": 'should be text; quote it as "text" where it looks like something else',
}


def _no_such_key(path: Sequence[str]) -> str:
    *section, name = path
    known = list(_known_keys(section))
    close = difflib.get_close_matches(name, known, n=len(known))
    ordered = ", ".join([*close, *(key for key in known if key not in close)])
    if section:
        return f"no such key; {'.'.join(section)} has {ordered}"
    homes = [f"{home}.{name}" for home in known if name in _known_keys([home])]
    meant = f"did you mean {' or '.join(homes)}? " if homes else ""
    return f"no such section; {meant}the sections are {ordered}"


def _known_keys(section: Sequence[str]) -> Sequence[str]:
    model: Any = Config
    for name in section:
        model = _within(model, name)
    if get_origin(model) is dict:
        model = get_args(model)[0]
    return list(getattr(model, "model_fields", get_args(model)))


def _within(model: Any, name: str) -> Any:
    """The type of what a section, a table or a list of settings has under a name."""
    if fields := getattr(model, "model_fields", None):
        annotation = fields[name].annotation
        # `Bound | None` is a Bound that may be unset.
        is_whole = get_origin(annotation) in (dict, list)
        return annotation if is_whole else next(iter(get_args(annotation)), annotation)
    return get_args(model)[-1]
