"""Metrics of what is served that TFMA lacks: the label itself, and how honest its score is."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from trainer import calibration, features

Tally = np.ndarray


class ServedAccuracy(metric_types.Metric):
    """Share of images whose served label is right; a threshold may have made it, not the scores."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(_served_accuracy, name=name)


class ExpectedCalibrationError(metric_types.Metric):
    """Mean distance between the highest score and how often its class is right, over bins of it."""

    def __init__(self, name: str = "expected_calibration_error") -> None:
        super().__init__(_expected_calibration_error, name=name)


def _served_accuracy(name: str) -> metric_types.MetricComputations:
    return _computations(name, _tally_of_label, lambda tally: float(tally[0]))


def _expected_calibration_error(name: str) -> metric_types.MetricComputations:
    return _computations(name, _tally_of_scores, lambda tally: float(np.abs(tally).sum()))


def _tally_of_label(served: Mapping[str, np.ndarray], label: bytes) -> Tally:
    return np.array([_only(served[features.OUTPUT_LABEL]) == label], np.float64)


def _tally_of_scores(served: Mapping[str, np.ndarray], label: bytes) -> Tally:
    scores = served[features.OUTPUT_SCORES].reshape(-1)
    place = scores.argmax()
    is_right = served[features.OUTPUT_CLASSES].reshape(-1)[place] == label
    return calibration.overconfidence(scores[[place]], np.array([is_right]))


def _only(values: Any) -> Any:
    return np.asarray(values).reshape(-1)[0]


def _computations(
    name: str,
    tally_of: Callable[[Mapping[str, np.ndarray], bytes], Tally],
    extract: Callable[[Tally], float],
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name)
    combiner = _Mean(key, tally_of, extract)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class _Mean(beam.CombineFn):
    """The mean tally of the images, and one number made of it."""

    def __init__(
        self,
        key: metric_types.MetricKey,
        tally_of: Callable[[Mapping[str, np.ndarray], bytes], Tally],
        extract: Callable[[Tally], float],
    ) -> None:
        self._key = key
        self._tally_of = tally_of
        self._extract = extract

    def create_accumulator(self) -> tuple[Tally | float, int]:
        return 0.0, 0

    def add_input(
        self, mutable_accumulator: tuple[Tally, int], element: metric_types.StandardMetricInputs
    ) -> tuple[Tally, int]:
        total, count = mutable_accumulator
        served: Any = element.get_predictions()
        return total + self._tally_of(served, _only(element.get_labels())), count + 1

    def merge_accumulators(
        self, accumulators: Iterable[tuple[Tally, int]]
    ) -> tuple[Tally | float, int]:
        totals, counts = zip(*accumulators, strict=True)
        return sum(totals), sum(counts)

    def extract_output(self, accumulator: tuple[Tally, int]) -> dict[metric_types.MetricKey, float]:
        total, count = accumulator
        return {self._key: self._extract(total / count)}
