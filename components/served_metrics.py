"""What TFMA measures of the served answers, in one sweep over the images of each slice."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components import measures
from components.measures import Answers
from trainer import features

# JSON in a metric's bytes, which TFMA stores and takes no differences of.
CONFUSION = "confusion"
BY_CLASS = "by_class"
NAMES = (
    "accuracy",
    "auc",
    "precision",
    "recall",
    "log_loss",
    "expected_calibration_error",
    CONFUSION,
    BY_CLASS,
)


class ServedMetrics(metric_types.Metric):
    """Every metric of `NAMES`, of each model. TFMA's own know nothing of a served label, and none
    of them takes a model that has never seen a class."""

    def __init__(self, name: str = "served") -> None:
        super().__init__(_computations, name=name)


def measured(answers: Answers) -> dict[str, float | bytes]:
    """Name -> value, for each of `NAMES`; a metric that has no meaning for the images is NaN."""
    table = measures.confusion(answers)
    by_class = {
        "auc": measures.auc_by_class(answers),
        "precision": measures.precision_by_class(table),
        "recall": measures.recall_by_class(table),
    }
    return {
        "accuracy": measures.accuracy(answers),
        **{name: measures.mean(values) for name, values in by_class.items()},
        "log_loss": measures.log_loss(answers),
        "expected_calibration_error": measures.expected_calibration_error(answers),
        CONFUSION: json.dumps(table).encode(),
        BY_CLASS: json.dumps(by_class).encode(),
    }


def _computations(
    name: str,
    model_names: Sequence[str] | None = None,
) -> metric_types.MetricComputations:
    del name  # That of the whole, which TFMA never shows.
    return [
        metric_types.MetricComputation(
            keys=[_key(each, model) for each in NAMES],
            preprocessors=None,
            combiner=_Sweep(model),
        )
        for model in model_names or ("",)
    ]


@dataclass
class _Rows:
    """What has been served so far, a row an image; 4 bytes an image and class."""

    labels: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    classes: np.ndarray | None = None


class _Sweep(beam.CombineFn):
    """Gathers what one model has served, and measures it at the end."""

    def __init__(self, model_name: str) -> None:
        self._model_name = model_name

    def create_accumulator(self) -> _Rows:
        return _Rows()

    def add_input(
        self, mutable_accumulator: _Rows, element: metric_types.StandardMetricInputs
    ) -> _Rows:
        answer: Any = element.get_predictions(self._model_name or None)
        rows = mutable_accumulator
        rows.labels.append(_text(element.get_labels(self._model_name or None)))
        rows.served.append(_text(answer[features.OUTPUT_LABEL]))
        rows.scores.append(np.asarray(answer[features.OUTPUT_SCORES], np.float32).reshape(-1))
        if rows.classes is None:
            rows.classes = np.asarray(answer[features.OUTPUT_CLASSES]).reshape(-1)
        return rows

    def merge_accumulators(self, accumulators: Iterable[_Rows]) -> _Rows:
        whole = _Rows()
        for rows in accumulators:
            whole.labels += rows.labels
            whole.served += rows.served
            whole.scores += rows.scores
            whole.classes = rows.classes if whole.classes is None else whole.classes
        return whole

    def extract_output(self, accumulator: _Rows) -> dict[metric_types.MetricKey, float | bytes]:
        classes = [] if accumulator.classes is None else accumulator.classes
        answers = Answers(
            labels=np.array(accumulator.labels),
            served=np.array(accumulator.served),
            scores=np.array(accumulator.scores, np.float64),
            classes=np.array([_text(name) for name in classes]),
        )
        return {_key(name, self._model_name): value for name, value in measured(answers).items()}


def _key(name: str, model_name: str) -> metric_types.MetricKey:
    # As TFMA makes the key of a threshold that is given by a metric's name.
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


def _text(value: Any) -> str:
    only = np.asarray(value).reshape(-1)[0]
    return only.decode() if isinstance(only, bytes) else str(only)
