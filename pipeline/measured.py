"""What the Evaluator measured, as the summary tells it."""

from collections.abc import Mapping
from typing import Any

from components.evaluations import Evaluation
from components.model_checks import WHOLE, Metrics
from trainer import features

_GROUPS_TOLD = 20

BySlice = Mapping[str, Mapping[str, Mapping[str, float]]]


def told(evaluation: Evaluation) -> dict[str, Any]:
    """Fields of a `Summary`."""
    slices = _slices(evaluation.metrics)
    by_class = slices.pop(features.LABEL, {})
    if features.GROUP in slices:
        slices[features.GROUP] = _worst(slices[features.GROUP])
    baseline = evaluation.baseline
    return {
        "evaluation": evaluation.metrics[WHOLE],
        "evaluation_by_class": by_class,
        # `image/size/bucket` is told as `size`.
        "evaluation_by_slice": {name.split("/")[1]: slices[name] for name in sorted(slices)},
        "confusion": _table(evaluation, by_class),
        "baseline": baseline and {"version": baseline.version, "metrics": baseline.metrics},
    }


def _worst(groups: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """The least accurate ones: a person looks at a few, and there may be thousands."""
    ranked = sorted(groups, key=lambda name: groups[name].get("accuracy", 0.0))
    return {name: groups[name] for name in sorted(ranked[:_GROUPS_TOLD])}


def _slices(metrics: Metrics) -> dict[str, dict[str, Mapping[str, float]]]:
    """Feature -> value -> metric -> value."""
    slices: dict[str, dict[str, Mapping[str, float]]] = {}
    for key, values in sorted(metrics.items()):
        if key != WHOLE:
            feature, _, value = key.partition(":")
            slices.setdefault(feature, {})[value] = values
    return slices


def _table(evaluation: Evaluation, classes: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Class -> served label -> images, zeros and all."""
    found = evaluation.confusion
    labels = sorted({*classes, *(label for row in found.values() for label in row)})
    return {name: {label: row.get(label, 0) for label in labels} for name, row in found.items()}
