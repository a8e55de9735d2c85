"""Tables of settings laid over each other: a preset, a file, `--set a.b=value`.

`"none"` stands for an unset value, as TOML has none of its own.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.presets import PRESETS
from trainer.errors import ConfigError


@dataclass(frozen=True)
class Layer:
    """Tables of settings, and where they came from as a message names it."""

    source: str
    values: Mapping[str, Any]

    def mentions(self, path: Sequence[str]) -> bool:
        """Whether it sets the value at `path`, or a part of it, or something above it."""
        value: Any = self.values
        for part in path:
            if not is_table(value):
                return True
            if part not in value:
                return False
            value = value[part]
        return True


def stacked(
    *, preset: str, file: Path | None, overrides: Sequence[str], weights: str | None
) -> list[Layer]:
    """The layers of a command line, lowest first.

    Raises:
        ConfigError: an unknown preset, a file that cannot be read, a malformed override, or
            `weights` and an override that disagree.
    """
    layers = [_preset_layer(preset)]
    if file is not None:
        layers.append(_file_layer(file))
    overriding = [_override_layer(text) for text in overrides]
    if weights is not None:
        overriding.append(_weights_layer(weights, overriding))
    return layers + overriding


def merged(below: Any, above: Any, *, depth: int = 0) -> Any:
    """`above` laid over `below`, table by table and key by key."""
    if depth == 1 and below is not None and not is_table(below):
        return below  # What should have been a section stays, to be refused.
    # An empty section says nothing, while an empty table inside a section is a value.
    is_empty_value = depth > 1 and not above
    if is_empty_value or not (is_table(below) and is_table(above)):
        return above
    changed = {key: merged(below.get(key), value, depth=depth + 1) for key, value in above.items()}
    return {**below, **changed}


def is_table(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value holds settings, rather than being one."""
    return isinstance(value, Mapping)


def _preset_layer(name: str) -> Layer:
    if name not in PRESETS:
        raise ConfigError(f"--preset {name}: no such preset; there are {', '.join(PRESETS)}")
    return Layer(f"preset {name}", PRESETS[name])


def _file_layer(file: Path) -> Layer:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"--config {file}: cannot be read: {error.strerror}; "
            "`frostline config > my.toml` writes one to start from"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {file}: not valid TOML: {error}") from None
    return Layer(str(file), _with_none(values))


def _override_layer(text: str) -> Layer:
    dotted, separator, value_text = text.partition("=")
    path = [part.strip() for part in dotted.split(".")]
    if not (separator and all(path) and value_text.strip()):
        raise ConfigError(
            f"--set {text}: should be section.key=value, as in --set train.epochs=5 "
            "(none as the value unsets an optional setting)"
        )
    value = _with_none(_toml_or_text(value_text.strip()))
    for part in reversed(path):
        value = {part: value}
    return Layer(f"--set {text}", value)


def _weights_layer(weights: str, overriding: Sequence[Layer]) -> Layer:
    for layer in overriding:
        model = layer.values.get("model")
        if isinstance(model, Mapping) and model.get("weights", weights) != weights:
            raise ConfigError(f"--weights {weights} and {layer.source} disagree: leave one out")
    return Layer(f"--weights {weights}", {"model": {"weights": weights}})


def _toml_or_text(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _with_none(value: Any) -> Any:
    if is_table(value):
        return {key: _with_none(inner) for key, inner in value.items()}
    return None if value == "none" else value
