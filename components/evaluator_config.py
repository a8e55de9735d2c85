"""What TFMA computes of the served signature, and what it blesses a model by."""

from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components import model_checks
from components.evaluate_settings import LOWER_IS_BETTER, Bound, EvaluateSettings, Metric
from components.judged_data import SLICED_BY, JudgedData
from components.model_checks import Baseline
from trainer import features

CANDIDATE = tfma.CANDIDATE_KEY
BASELINE = tfma.BASELINE_KEY


def create(
    settings: EvaluateSettings,
    judged: JudgedData,
    *,
    known: Baseline | None,
    is_compared: bool,
) -> tfma.EvalConfig:
    """The bounds of the settings, as TFMA's thresholds.

    Args:
      known: a baseline whose metrics on these images are known; it needs no evaluation.
      is_compared: whether TFMA evaluates a baseline, too, and holds the differences to bounds.
    """
    whole = tfma.SlicingSpec()
    spec = tfma.MetricsSpec(
        metrics=[
            tfma.MetricConfig(class_name="ServedMetrics", module="components.served_metrics"),
            tfma.MetricConfig(class_name="ExampleCount"),
        ]
    )
    for metric, bound in settings.thresholds.items():
        _bind(spec, metric, whole, value_threshold=_value(bound))
    for metric, slicing, bound in _by_slice(settings, judged):
        _bind(spec, metric, slicing, value_threshold=_value(bound))
    for metric, limit in settings.max_worsening.limits().items():
        change = model_checks.change_bound(metric, limit, images=judged.images)
        if known:
            _bind(spec, metric, whole, value_threshold=_value(known.bound(metric, change)))
        elif is_compared:
            _bind(spec, metric, whole, change_threshold=_change(metric, change))
    return tfma.EvalConfig(
        model_specs=[_model_spec()],
        slicing_specs=[
            whole,
            *(tfma.SlicingSpec(feature_keys=[key]) for key in _sliced_by(settings, judged)),
        ],
        metrics_specs=[spec],
    )


def _model_spec() -> tfma.ModelSpec:
    return tfma.ModelSpec(
        signature_name=features.EXAMPLES_SIGNATURE,
        label_key=features.LABEL,
        prediction_key=features.OUTPUT_SCORES,
    )


def _sliced_by(settings: EvaluateSettings, judged: JudgedData) -> list[str]:
    """Not by groups where none is judged: there may be as many as there are images."""
    largest = max(judged.slices[features.GROUP].values(), default=0)
    has_large = largest >= settings.min_images_per_slice
    return [key for key in SLICED_BY.values() if key != features.GROUP or has_large]


def _by_slice(
    settings: EvaluateSettings, judged: JudgedData
) -> Iterator[tuple[Metric, tfma.SlicingSpec, Bound]]:
    for section, feature in SLICED_BY.items():
        for metric, bound in getattr(settings, section).bounds().items():
            for value, images in judged.slices[feature].items():
                if images >= settings.min_images_per_slice:
                    yield metric, tfma.SlicingSpec(feature_values={feature: value}), bound


def _bind(
    spec: tfma.MetricsSpec,
    metric: Metric,
    slicing: tfma.SlicingSpec,
    **threshold: tfma.GenericValueThreshold | tfma.GenericChangeThreshold,
) -> None:
    spec.per_slice_thresholds[metric].thresholds.append(
        config_pb2.PerSliceMetricThreshold(
            slicing_specs=[slicing], threshold=tfma.MetricThreshold(**threshold)
        )
    )


def _value(bound: Bound) -> tfma.GenericValueThreshold:
    names: Mapping[str, str] = {"min": "lower_bound", "max": "upper_bound"}
    ends = {names[end]: {"value": limit} for end, limit in bound.limits().items()}
    return tfma.GenericValueThreshold(**ends)


def _change(metric: Metric, bound: Bound) -> tfma.GenericChangeThreshold:
    lower = metric in LOWER_IS_BETTER
    better = (
        tfma.MetricDirection.LOWER_IS_BETTER if lower else tfma.MetricDirection.HIGHER_IS_BETTER
    )
    [limit] = bound.limits().values()
    return tfma.GenericChangeThreshold(absolute={"value": limit}, direction=better)
