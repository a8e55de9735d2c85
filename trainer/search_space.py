"""The space of settings that a search looks through, all of it without a new forward.

The features of a run hold the means of every block up to the cut: a head on a lower cut, or on
more or fewer blocks, reads other columns of the same rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from trainer.blocks import CHANNELS
from trainer.errors import ConfigError
from trainer.settings import TrainerSettings
from trainer.tune_settings import TuneSettings

Value = str | int | float

_LOWER_CUTS = 2
_MOST_BLOCKS = 4
_DROPOUTS = (0.0, 0.2, 0.5)
_WITHOUT_L2 = (1e-5, 1e-1)
_FACTOR = 10.0
_KEYS = {
    "head": "model.head",
    "cut": "model.cut",
    "pooled_blocks": "model.pooled_blocks",
    "dense_units": "model.dense_units",
    "dropout": "model.dropout",
    "l2": "model.l2",
    "learning_rate": "train.learning_rate",
    "views": "augment.views",
}
_RANGES = ("l2", "learning_rate")


@dataclass(frozen=True)
class Choice:
    """One of some values. `first` is what the first trial takes."""

    name: str
    values: tuple[Value, ...]
    first: Value


@dataclass(frozen=True)
class Range:
    """Any number from `low` to `high`, drawn on a logarithmic scale."""

    name: str
    low: float
    high: float
    first: float


Dimension = Choice | Range


def of(settings: TrainerSettings, tune: TuneSettings, *, is_random: bool) -> tuple[Dimension, ...]:
    """The space around some settings.

    Args:
      settings: those of a run; the first trial takes them, or the nearest in the space.
      tune: what is searched; unset lists get values around the settings.
      is_random: whether the base has random weights. They are others at another cut.

    Raises:
      ConfigError: a value is none that these settings could have, or needs features that a run
        with these settings does not compute.
    """
    _refuse_what_is_not_frozen(settings)
    around = _around(settings, tune, is_random=is_random)
    lists = {name: getattr(tune, name) or around[name] for name in _KEYS}
    for name in _KEYS:
        for value in lists[name]:
            _check(settings, name, value)
    _check_cuts(settings, lists["cut"], lists["head"], is_random=is_random)
    found = tuple(_dimensions(settings, lists))
    if not found:
        raise ConfigError(
            "tune has one value of everything, the one that is set: unset a list, as in "
            "--set tune.learning_rate=none"
        )
    return found


def with_hyperparameters(settings: TrainerSettings, values: Mapping[str, Value]) -> TrainerSettings:
    """The settings with some values set.

    Args:
      settings: those of a run.
      values: dotted name, as in `model.dropout` -> value.

    Raises:
      ConfigError: there is no such setting, or it cannot have this value.
    """
    tables = settings.model_dump(include=set(TrainerSettings.model_fields))
    for name, value in values.items():
        section, _, key = name.partition(".")
        if key not in tables.get(section, {}):
            raise ConfigError(f"{name}: no such setting. Accepted: {', '.join(_KEYS.values())}")
        tables[section][key] = value
    try:
        return TrainerSettings.model_validate(tables)
    except ValidationError as error:
        told = "; ".join(details["msg"] for details in error.errors())
        chosen = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise ConfigError(f"{chosen}: {told.removeprefix('Value error, ')}") from None


def _around(
    settings: TrainerSettings, tune: TuneSettings, *, is_random: bool
) -> dict[str, Sequence[Value]]:
    """What is searched where the lists say nothing."""
    model, rate = settings.model, settings.train.learning_rate
    heads = tune.head or [model.head]
    cuts = [model.cut] if "flatten" in heads or is_random else _cuts_up_to(model.cut)
    units = model.dense_units
    return {
        "head": heads,
        "cut": cuts,
        "pooled_blocks": _block_counts(settings, tune.cut or cuts, heads),
        "dense_units": sorted({max(1, units // 2), units, units * 2}) if units else [0],
        "dropout": sorted({*_DROPOUTS, model.dropout}),
        "l2": (model.l2 / _FACTOR, model.l2 * _FACTOR) if model.l2 else _WITHOUT_L2,
        "learning_rate": (rate / _FACTOR, rate * _FACTOR),
        "views": _view_counts(settings),
    }


def _cuts_up_to(cut: str) -> list[str]:
    names = list(CHANNELS)
    if cut not in CHANNELS:
        return [cut]
    end = names.index(cut) + 1
    return names[max(0, end - 1 - _LOWER_CUTS) : end]


def _block_counts(
    settings: TrainerSettings, cuts: Sequence[str], heads: Sequence[str]
) -> list[int]:
    configured = settings.model.pooled_blocks
    if "pooled" not in heads or not set(cuts) <= set(CHANNELS):
        return [configured]
    most = min(list(CHANNELS).index(cut) + 1 for cut in cuts)
    return sorted({*range(1, min(_MOST_BLOCKS, most) + 1), min(configured, most)})


def _view_counts(settings: TrainerSettings) -> list[int]:
    views = settings.augment.views
    if not (settings.augment.enabled and views):
        return [views]
    return sorted({1, max(1, views // 4), views})


def _refuse_what_is_not_frozen(settings: TrainerSettings) -> None:
    if settings.train.base != "cached":
        raise ConfigError(
            f'tune needs frozen features, and train.base = "{settings.train.base}" has none: '
            "--set train.base=cached"
        )
    if settings.model.thaw_from is not None:
        raise ConfigError(
            f'tune needs a base that is frozen, and model.thaw_from = "{settings.model.thaw_from}" '
            "thaws it: --set model.thaw_from=none"
        )


def _check(settings: TrainerSettings, name: str, value: Value) -> None:
    key = _KEYS[name]
    if name == "views" and cast(int, value) > settings.augment.views:
        raise ConfigError(
            f"tune.views = {value}: there are augment.views = {settings.augment.views} of each "
            "image. Accepted: up to so many, with augment.enabled = true"
        )
    try:
        with_hyperparameters(settings, {key: value})
    except ConfigError as error:
        raise ConfigError(f"tune.{name}: {error}") from None


def _check_cuts(
    settings: TrainerSettings, cuts: Sequence[Value], heads: Sequence[Value], *, is_random: bool
) -> None:
    line = settings.model.cut
    others = [cut for cut in cuts if cut != line]
    if others and "flatten" in heads:
        raise ConfigError(
            f"tune.cut = {others[0]}: a flatten head is fed the map at model.cut = {line}, and "
            f"there is no other. Accepted: {line}, or --set tune.head='[\"pooled\"]'"
        )
    if others and is_random:
        raise ConfigError(
            f"tune.cut = {others[0]}: a base with random weights is another one at each cut. "
            f"Accepted: {line}, or pretrained weights (--weights PATH)"
        )
    below = list(CHANNELS)[: list(CHANNELS).index(line)] if line in CHANNELS else []
    for cut in others:
        if cut not in below:
            raise ConfigError(
                f"tune.cut = {cut}: no features of it are computed with model.cut = {line}. "
                f"Accepted: {', '.join([*below, line])}"
            )


def _dimensions(
    settings: TrainerSettings, lists: Mapping[str, Sequence[Any]]
) -> Iterator[Dimension]:
    tables = settings.model_dump()
    for name, values in lists.items():
        section, _, key = _KEYS[name].partition(".")
        configured = tables[section][key]
        if name in _RANGES and values[0] < values[1]:
            low, high = values
            yield Range(_KEYS[name], low, high, min(max(configured, low), high))
        else:
            unique = tuple(dict.fromkeys(values))
            first = configured if configured in unique else unique[0]
            if unique != (configured,):
                yield Choice(_KEYS[name], unique, first)
