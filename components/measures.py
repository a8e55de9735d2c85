"""How good served answers are: metrics of labels and scores, in plain NumPy.

Precision, recall and AUC are those of a class against the rest, and their means over the classes
that occur. For two classes that AUC is the usual one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from trainer import calibration

# What Keras' cross-entropy keeps scores away from 0 by.
_LEAST_SCORE = 1e-7

Confusion = Mapping[str, Mapping[str, int]]
"""Class -> served label -> images; pairs that do not occur are left out."""


@dataclass(frozen=True)
class Answers:
    """What a model has served for some images.

    labels: true classes, str [N]
    served: served labels, str [N]; a threshold may have made them, not the scores
    scores: float [N, C]
    classes: those that the model knows, str [C]; a label need not be among them
    """

    labels: np.ndarray
    served: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def accuracy(answers: Answers) -> float:
    """Share of images whose served label is right."""
    return float(np.mean(answers.labels == answers.served))


def log_loss(answers: Answers) -> float:
    """Mean negative logarithm of the true class's score."""
    of_truth = np.where(answers.labels[:, None] == answers.classes, answers.scores, 0).sum(axis=1)
    return float(-np.log(np.clip(of_truth, _LEAST_SCORE, 1 - _LEAST_SCORE)).mean())


def expected_calibration_error(answers: Answers) -> float:
    """Mean distance between the highest score and how often its class is right, over bins of it."""
    if not np.isfinite(answers.scores).all():  # A training that diverged.
        return float("nan")
    places = answers.scores.argmax(axis=1)
    is_right = answers.classes[places] == answers.labels
    tallies = calibration.overconfidence(answers.scores.max(axis=1), is_right)
    return float(np.abs(tallies).sum() / len(places))


def auc_by_class(answers: Answers) -> dict[str, float]:
    """Class -> area under the ROC curve, ties counted as half; of classes with both kinds."""
    found = {}
    for place, name in enumerate(answers.classes):
        is_class = answers.labels == name
        positives = int(is_class.sum())
        pairs = positives * (len(is_class) - positives)
        if pairs:
            ranks = rankdata(answers.scores[:, place])[is_class].sum()
            found[str(name)] = float((ranks - positives * (positives + 1) / 2) / pairs)
    return found


def confusion(answers: Answers) -> Confusion:
    """How often each class was served as which label."""
    pairs = Counter(zip(answers.labels.tolist(), answers.served.tolist(), strict=True))
    table: dict[str, dict[str, int]] = {}
    for (truth, label), count in sorted(pairs.items()):
        table.setdefault(truth, {})[label] = count
    return table


def precision_by_class(table: Confusion) -> dict[str, float]:
    """Class -> share of images with that label that are of it; 0 where none has the label."""
    served: Counter[str] = Counter()
    for row in table.values():
        served.update(row)
    return {name: row.get(name, 0) / (served[name] or 1) for name, row in table.items()}


def recall_by_class(table: Confusion) -> dict[str, float]:
    """Class -> share of its images that have its label."""
    return {name: row.get(name, 0) / sum(row.values()) for name, row in table.items()}


def mean(by_class: Mapping[str, float]) -> float:
    """The mean over the classes; NaN where there are none."""
    return float(np.mean([*by_class.values()])) if by_class else float("nan")
