"""What a model is held against: each check a plain judgement on numbers, told in a sentence."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from components.evaluate_settings import (
    LOWER_IS_BETTER,
    Bound,
    EvaluateSettings,
    Metric,
    SliceBounds,
)
from components.gates import Gate

STEP = "Evaluator"
WHOLE = ""
"""The slice of all judged images."""
_SLICES_NAMED = 5
# Two equal metrics, computed along two ways, may differ by so much.
_ROUNDING = 1e-9

Metrics = Mapping[str, Mapping[str, float]]
"""Slice, such as `image/class/text:cats` -> metric -> value."""


@dataclass(frozen=True)
class Baseline:
    """The latest blessed model, as it does on the same images.

    version: as TF Serving counts
    metrics: of all judged images
    """

    version: int
    metrics: Mapping[str, float]

    def bound(self, metric: Metric, change: Bound) -> Bound:
        """What a metric may be, where its difference from the baseline's has a bound."""
        ends = change.limits()
        return Bound(**{end: self.metrics[metric] + limit for end, limit in ends.items()})


@dataclass(frozen=True)
class Slice:
    """A part of the judged images, with what was measured of it."""

    name: str
    images: int
    metrics: Mapping[str, float]


def slice_key(feature: str, value: str) -> str:
    """The key of a slice in `Metrics`."""
    return f"{feature}:{value}"


def thresholds(metrics: Mapping[str, float], settings: EvaluateSettings) -> list[Gate]:
    """Each metric of all judged images against its threshold."""
    return [
        _threshold(metric, metrics.get(metric, math.nan), bound)
        for metric, bound in settings.thresholds.items()
    ]


def by_slice(
    what: str, slices: Collection[Slice], bounds: SliceBounds, *, min_images: int
) -> list[Gate]:
    """Each metric that has a bound, on each slice by itself: one check of all of them.

    Args:
      what: what it is sliced by, such as `class`.
    """
    judged = [each for each in slices if each.images >= min_images]
    few = [f"{each.name} ({each.images})" for each in slices if each.images < min_images]
    note = f" With fewer than {min_images} images, too few to judge: {_listed(few)}." if few else ""
    return [
        _slices(metric, what, judged, bound, note=note) for metric, bound in bounds.bounds().items()
    ]


def against(
    baseline: Baseline, metrics: Mapping[str, float], settings: EvaluateSettings, *, images: int
) -> list[Gate]:
    """Each metric that is compared, against the baseline's on the same images."""
    return [
        _comparison(metric, metrics.get(metric, math.nan), baseline, limit, images=images)
        for metric, limit in settings.max_worsening.limits().items()
    ]


def without_baseline(why: str) -> Gate:
    """Said where there is nothing to compare with.

    Args:
      why: a sentence.
    """
    sentence = f"{why} Later models will be compared with this one, if it is pushed."
    return Gate("against_baseline", None, {}, passed=True, sentence=sentence, step=STEP)


def change_bound(metric: Metric, limit: float, *, images: int) -> Bound:
    """What the difference from the baseline's value may be.

    Args:
      limit: by how much it may be worse.
      images: how many are judged: one of them is never held against a model's accuracy.
    """
    room = max(limit, 1 / images) if metric == "accuracy" else limit
    if metric in LOWER_IS_BETTER:
        return Bound(max=room + _ROUNDING)
    return Bound(min=-room - _ROUNDING)


def _threshold(metric: Metric, value: float, bound: Bound) -> Gate:
    name, wanted, passed = _title(metric), _wanted(bound), bound.holds(value)
    if math.isnan(value):
        sentence = f"{name} could not be computed; it must be {wanted}."
        return _gate(metric, None, bound, passed=False, sentence=sentence)
    measured = _decimal(value, bound.limits().values())
    if passed:
        sentence = f"{name} {measured} is {wanted}, with {_margin(value, bound):.4f} to spare."
    else:
        sentence = f"{name} {measured} is not {wanted}: {_missed(value, bound)}."
    return _gate(metric, value, bound, passed=passed, sentence=sentence)


def _slices(
    metric: Metric, what: str, judged: Collection[Slice], bound: Bound, *, note: str
) -> Gate:
    rows = [(each, each.metrics.get(metric, math.nan)) for each in judged]
    rows.sort(key=lambda row: _margin(row[1], bound))
    failed = [_told(each, value, bound) for each, value in rows if not bound.holds(value)]
    subject, wanted = f"{_title(metric)} by {what}", _wanted(bound)
    if not rows:
        sentence = f"{subject} is not judged.{note}"
    elif failed:
        of = f"{len(failed)} of {len(rows)}"
        sentence = f"{subject} is not {wanted} for {of}: {_listed(failed)}.{note}"
    else:
        sentence = f"{subject} is {wanted}; the worst is {_told(*rows[0], bound)}.{note}"
    worst = rows[0][1] if rows else None
    return _gate(f"{metric}_by_{what}", worst, bound, passed=not failed, sentence=sentence)


def _told(each: Slice, value: float, bound: Bound) -> str:
    measured = _decimal(value, bound.limits().values())
    margin = f"{_margin(value, bound):.4f} to spare"
    how = margin if bound.holds(value) else _missed(value, bound)
    return f"{each.name} with {measured} of {each.images} images, {how}"


def _comparison(
    metric: Metric, value: float, baseline: Baseline, limit: float, *, images: int
) -> Gate:
    check, bound = f"{metric}_against_baseline", change_bound(metric, limit, images=images)
    name, version = _title(metric), f"version {baseline.version}"
    before = baseline.metrics.get(metric, math.nan)
    difference = value - before
    accepted = f"{_room(metric, bound, limit)} is accepted"
    if math.isnan(difference):
        sentence = f"{name} could not be compared with {version}'s; {accepted}."
        return _gate(check, None, bound, passed=False, sentence=sentence)
    sentence = f"{name} {value:.4f} is {_relation(difference)} {version}'s {before:.4f}"
    sentence += f" on the same data; {accepted}."
    return _gate(check, difference, bound, passed=bound.holds(difference), sentence=sentence)


def _room(metric: Metric, bound: Bound, limit: float) -> str:
    """How much worse is accepted, in words; more than the limit is one image."""
    [end] = bound.limits().values()
    image = " (one image)" if abs(end) > limit + 2 * _ROUNDING else ""
    return f"at most {abs(end):.4f}{image} {'above' if metric in LOWER_IS_BETTER else 'below'}"


def _gate(check: str, value: float | None, bound: Bound, *, passed: bool, sentence: str) -> Gate:
    known = None if value is None or math.isnan(value) else value
    return Gate(check, known, bound.limits(), passed, sentence, step=STEP)


def _relation(difference: float) -> str:
    if abs(difference) < _ROUNDING:
        return "as good as"
    return f"{_apart(abs(difference))} {'above' if difference > 0 else 'below'}"


def _wanted(bound: Bound) -> str:
    words = {"min": "least", "max": "most"}
    return " and ".join(f"at {words[end]} {limit:g}" for end, limit in bound.limits().items())


def _missed(value: float, bound: Bound) -> str:
    if math.isnan(value):
        return "which is no number"
    is_short = bound.min is not None and value < bound.min
    return f"{_apart(-_margin(value, bound))} too {'low' if is_short else 'high'}"


def _margin(value: float, bound: Bound) -> float:
    """How far within its bound a value is; negative where it is not, and lowest for NaN."""
    if math.isnan(value):
        return -math.inf
    return min(_distances(value, bound))


def _distances(value: float, bound: Bound) -> Iterator[float]:
    if bound.min is not None:
        yield value - bound.min
    if bound.max is not None:
        yield bound.max - value


def _listed(names: Collection[str]) -> str:
    return ", ".join([*names][:_SLICES_NAMED]) + (" ..." if len(names) > _SLICES_NAMED else "")


def _title(metric: str) -> str:
    return "AUC" if metric == "auc" else metric.replace("_", " ").capitalize()


def _decimal(value: float, limits: Collection[float]) -> str:
    """Four decimals, or all where rounding would carry the value to a limit or across it."""
    rounded = f"{value:.4f}"
    is_true = all(_order(float(rounded), limit) == _order(value, limit) for limit in limits)
    return rounded if is_true else f"{value:.12g}"


def _apart(distance: float) -> str:
    """Four decimals, or two digits where those would be nothing."""
    return f"{distance:.4f}" if distance >= 5e-5 else f"{distance:.2g}"


def _order(value: float, limit: float) -> tuple[bool, bool]:
    return value < limit, value > limit
