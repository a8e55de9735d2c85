"""Calibration: a temperature that makes scores mean what they say, and two classes' threshold.

Temperature scaling is Guo et al., 2017, "On Calibration of Modern Neural Networks"
(arXiv:1706.04599): logits are divided by one number, which changes no ranking. Both are found on
the validation images, on which the best epoch has been chosen, too; where that matters, judge on
a `test` split.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

FILE = "calibration.json"
BINS = 15
"""Bins of the expected calibration error, as Guo et al. have them."""

# A temperature is expected within a factor of e^0.5 = 1.6 of 1, two times out of three. A thousand
# images overrule that; a few dozen that happen to be all right do not (decision note 9).
_SPREAD_OF_LOG = 0.5
_LARGEST_LOG = 4.0
# How many standard deviations of luck a threshold must win by to be moved.
_LUCK = 2.5


@dataclass(frozen=True)
class Quality:
    """How good scores are, whatever label is made of them."""

    log_loss: float
    expected_calibration_error: float


@dataclass(frozen=True)
class Calibration:
    """What was found.

    images: the validation images it was found on
    temperature: what the logits are divided by
    threshold: the least score of the second class at which it is the label; None: the class with
      the highest score is
    before, after: on the images that it was found on, without and with the temperature
    """

    images: int
    temperature: float
    threshold: float | None
    before: Quality
    after: Quality

    def save(self, folder: Path) -> None:
        """Write `calibration.json` into a folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


def fit(logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """Find temperature and threshold.

    Args:
      logits: float [N, 1] (two classes: of the second) or [N, C]; N of 1 or more.
      labels: int [N].
    """
    logits = np.asarray(logits, np.float64)
    labels = np.asarray(labels, np.int64)
    two_sided = np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits
    temperature = _temperature(two_sided, labels)
    calibrated = two_sided / temperature
    is_binary = two_sided.shape[1] == 2
    return Calibration(
        images=len(labels),
        temperature=temperature,
        threshold=threshold(calibrated[:, 1] - calibrated[:, 0], labels) if is_binary else None,
        before=_quality(two_sided, labels),
        after=_quality(calibrated, labels),
    )


def threshold(margins: np.ndarray, labels: np.ndarray) -> float:
    """Where the second class's score begins to be the label: 0.5, unless another is surely better.

    Args:
      margins: logit of the second class less that of the first, [N].
      labels: 0 or 1, [N].
    """
    order = np.argsort(margins, kind="stable")
    places, is_second = margins[order], labels[order] == 1
    # Right at a threshold in the gap before each image: firsts below it, and seconds above it.
    right = np.cumsum(~is_second)[:-1] + is_second.sum() - np.cumsum(is_second)[:-1]
    is_gap = places[:-1] < places[1:]
    if not is_gap.any():
        return 0.5
    right, gaps = right[is_gap], ((places[:-1] + places[1:]) / 2)[is_gap]
    best = gaps[right == right.max()]
    chosen = best[np.abs(best).argmin()]
    changed = ((margins >= 0) != (margins >= chosen)).sum()
    won = right.max() - ((margins >= 0) == (labels == 1)).sum()
    return float(expit(chosen)) if won > _LUCK * math.sqrt(changed) else 0.5


def overconfidence(confidence: np.ndarray, is_right: np.ndarray) -> np.ndarray:
    """By how many images confidence is ahead of what is right, in each bin of confidence.

    The sum of the bins' absolute values, by image, is the expected calibration error.

    Args:
      confidence: the highest score of each image, [N].
      is_right: whether its class is the right one, [N].

    Returns:
      float64 [BINS]
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return np.bincount(bins, weights=confidence - is_right, minlength=BINS)


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The most probable temperature, given the images and what is expected without them."""

    def surprise(log: float) -> float:
        return _log_loss(logits / math.exp(log), labels) * len(labels) + expected(log)

    def expected(log: float) -> float:
        return (log / _SPREAD_OF_LOG) ** 2 / 2

    found: Any = minimize_scalar(surprise, bounds=(-_LARGEST_LOG, _LARGEST_LOG), method="bounded")
    return math.exp(found.x)


def _quality(logits: np.ndarray, labels: np.ndarray) -> Quality:
    scores = softmax(logits, axis=1)
    ahead = overconfidence(scores.max(axis=1), scores.argmax(axis=1) == labels)
    return Quality(
        log_loss=_log_loss(logits, labels),
        expected_calibration_error=float(np.abs(ahead).sum() / len(labels)),
    )


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())
