"""What the Evaluator has measured, out of TFMA's files, and the file that it is kept in."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.utils import io_utils

from components import model_checks
from components.measures import Confusion
from components.model_checks import WHOLE, Baseline, Metrics
from components.served_metrics import BY_CLASS, CONFUSION
from trainer import features

FILE = "evaluation.json"


@dataclass(frozen=True)
class Measured:
    """What TFMA found.

    metrics: of the candidate; what has no meaning for a slice is left out, and precision, recall
      and AUC of a class are those of it against the rest
    confusion: of the candidate
    baseline: metric -> value, of all judged images; empty where no baseline was evaluated
    """

    metrics: Metrics
    confusion: Confusion
    baseline: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluation.json` holds.

    judged: digest of the judged images and their labels
    metrics, confusion: as in `Measured`
    baseline: the latest blessed model on the same images; None where there is none
    """

    judged: str
    metrics: Metrics
    confusion: Confusion
    baseline: Baseline | None


def measured(folder: str) -> Measured:
    """Read the metrics that TFMA has written, of one model or of two."""
    metrics: dict[str, dict[str, float]] = {}
    baseline: dict[str, float] = {}
    tables: dict[str, Any] = {}
    for found in tfma.load_metrics(folder):
        key = _slice_key(found)
        metrics[key] = dict(_numbers(found, is_baseline=False))
        if key == WHOLE:
            baseline = dict(_numbers(found, is_baseline=True))
            tables = dict(_tables(found))
    for metric, values in tables[BY_CLASS].items():
        for name, value in values.items():
            metrics[model_checks.slice_key(features.LABEL, name)][metric] = value
    return Measured(metrics, tables[CONFUSION], baseline)


def write(folder: str, evaluation: Evaluation) -> None:
    """Write `evaluation.json` into a folder, which may be a URL."""
    text = json.dumps(asdict(evaluation), indent=2, ensure_ascii=False) + "\n"
    io_utils.write_string_file(os.path.join(folder, FILE), text)  # noqa: PTH118


def read(folder: str) -> Evaluation:
    """Read what `write` wrote."""
    stored = json.loads(io_utils.read_string_file(os.path.join(folder, FILE)))  # noqa: PTH118
    baseline = stored["baseline"] and Baseline(**stored["baseline"])
    return Evaluation(**{**stored, "baseline": baseline})


def _slice_key(found: Any) -> str:
    parts = [
        model_checks.slice_key(each.column, each.bytes_value.decode())
        for each in found.slice_key.single_slice_keys
    ]
    return parts[0] if parts else WHOLE


def _numbers(found: Any, *, is_baseline: bool) -> Iterator[tuple[str, float]]:
    for key, value in _values(found, is_baseline=is_baseline):
        number = value.double_value.value
        if value.HasField("double_value") and math.isfinite(number):
            yield key, number


def _tables(found: Any) -> Iterator[tuple[str, Any]]:
    for key, value in _values(found, is_baseline=False):
        if value.HasField("bytes_value"):
            yield key, json.loads(value.bytes_value)


def _values(found: Any, *, is_baseline: bool) -> Iterator[tuple[str, Any]]:
    for pair in found.metric_keys_and_values:
        if not pair.key.is_diff and (pair.key.model_name == tfma.BASELINE_KEY) == is_baseline:
            yield pair.key.name, pair.value
