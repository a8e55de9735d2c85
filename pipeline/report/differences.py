"""A run's settings, and where they differ from what its preset says."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import config
from pipeline.presets import PRESETS


@dataclass(frozen=True)
class Setting:
    """A setting; `usual` is the preset's value."""

    key: str
    value: Any
    usual: Any

    @property
    def differs(self) -> bool:
        """Whether somebody has chosen another value."""
        return self.value != self.usual


def settings(values: Mapping[str, Any], preset: str) -> list[Setting]:
    """Every setting of a run.

    Args:
      values: the resolved configuration, as in `Summary`.
      preset: the name of its preset; one that is not known any more differs in nothing.
    """
    flat = dict(_flat(values))
    usual = dict(_flat(_of_preset(preset))) if preset in PRESETS else flat
    return [Setting(key, value, usual.get(key)) for key, value in flat.items()]


def text(value: Any) -> str:
    """A value as `--set` takes it."""
    unset = value is None or value == {}
    return "none" if unset else value if isinstance(value, str) else json.dumps(value)


def _of_preset(preset: str) -> dict[str, Any]:
    resolved = config.resolve(preset=preset, file=None, overrides=(), weights=None)
    return resolved.model_dump(mode="json")


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
