"""The checks of the serving gate that hold a model against the blessed one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.gates import Gate
from components.serving_checks import STEP
from components.serving_gate_settings import BATCHES, ServingGateSettings

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class _Figure:
    """One figure of both models. `unit_size` of what it is counted in make one of its unit."""

    check: str
    what: str
    key: str
    now: float | None
    before: float | None
    unit: str
    unit_size: int = 1


def judge(
    now: Mapping[str, Any], before: Mapping[str, Any], settings: ServingGateSettings
) -> list[Gate]:
    """Check the figures of a model against those of the blessed one.

    Args:
      now, before: as in `serving.json`; a figure that one of them lacks is not checked.
      settings: the bounds, as ratios.
    """
    bounds = settings.model_dump()
    return [
        _ratio(figure, figure.now, figure.before, bounds[figure.key])
        for figure in _figures(now, before)
        if figure.now and figure.before
    ]


def _figures(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[_Figure]:
    def both(key: str) -> tuple[float | None, float | None]:
        return now.get(key), before.get(key)

    yield _Figure("load_ratio", "Loading takes", "max_load_ratio", *both("load_seconds"), "s")
    for batch in BATCHES:
        p50, p50_before = (
            each.get("latency", {}).get(batch, {}).get("p50_ms") for each in (now, before)
        )
        what = f"A request of {batch} photo{'s' * (batch != '1')} takes"
        check, key = f"p50_ratio_batch_{batch}", "max_latency_ratio"
        yield _Figure(check, what, key, p50, p50_before, "ms")
    peaks, sizes = both("peak_bytes"), both("model_bytes")
    key = "max_memory_ratio"
    yield _Figure("memory_ratio", "The process holds", key, *peaks, "MB", _MEGABYTE)
    yield _Figure("size_ratio", "The files take", "max_size_ratio", *sizes, "MB", _MEGABYTE)


def _ratio(figure: _Figure, now: float, before: float, bound: float) -> Gate:
    value = now / before
    passed = value <= bound
    accepted = f"up to {bound:g} times is accepted"
    sentence = (
        f"{figure.what} {now / figure.unit_size:.4g} {figure.unit}, with the blessed model "
        f"{before / figure.unit_size:.4g}: {value:.2f} times; {accepted}"
        f"{'' if passed else f' (serving_gate.{figure.key})'}."
    )
    return Gate(figure.check, value, {"max": bound}, passed, sentence, (), STEP)
