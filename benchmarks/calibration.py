"""What guards calibration against few validation images: with and without, on made logits.

A temperature: log loss on fresh images whose logits are half as large as they should be, as those
of a head with a strong penalty are. A threshold: how often luck moves it where 0.5 is best, and
what accuracy that costs; and what it wins where every score favours one class.

    python benchmarks/calibration.py
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from trainer import calibration

DRAWS = 200
FRESH = 4000

Sample = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Print a line of JSON for each number of validation images."""
    for count in (10, 40, 100, 300, 1000, 3000):
        line: dict[str, object] = {"name": f"calibration_on_{count}_images"}
        for field, values in (*_temperatures(count), *_thresholds(count)):
            line[field] = round(float(np.mean(values)), 4)
        print(json.dumps(line), flush=True)


def _sample(count: int, *, seed: int, spread: float, bias: float = 0.0) -> Sample:
    """Honest logits with some spread, `bias` too high; and labels."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, spread, count)
    return true + bias, (rng.uniform(size=count) < expit(true)).astype(np.int64)


def _temperatures(count: int) -> Iterator[tuple[str, list[float]]]:
    """Log loss on fresh images, whose logits are half as large as they should be."""
    fitted, unguarded = [], []
    fresh, truth = _sample(FRESH, seed=10**6, spread=12)
    for seed in range(DRAWS):
        logits, labels = _sample(count, seed=seed, spread=12)
        halved = logits / 2
        with_guard = calibration.fit(halved[:, np.newaxis], labels).temperature
        fitted.append(_log_loss(fresh / 2 / with_guard, truth))
        unguarded.append(_log_loss(fresh / 2 / _maximum_likelihood(halved, labels), truth))
    yield "uncalibrated_log_loss", [_log_loss(fresh / 2, truth)]
    yield "log_loss", fitted
    yield "unguarded_log_loss", unguarded


def _maximum_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    def loss(log: float) -> float:
        return _log_loss(logits / np.exp(log), labels)

    found: Any = minimize_scalar(loss, bounds=(-4, 4), method="bounded")
    return float(np.exp(found.x))


def _thresholds(count: int) -> Iterator[tuple[str, list[float]]]:
    moved, lost, won = [], [], []
    for seed in range(DRAWS):
        fair = calibration.threshold(*_sample(count, seed=seed, spread=3))
        moved.append(fair != 0.5)
        lost.append(_gain(fair, bias=0.0))
        won.append(
            _gain(calibration.threshold(*_sample(count, seed=seed, spread=3, bias=1.5)), 1.5)
        )
    yield "threshold_moved_by_luck", moved
    yield "accuracy_change_by_luck", lost
    yield "accuracy_won_where_scores_favour_a_class", won


def _gain(threshold: float, bias: float) -> float:
    """Accuracy on fresh images with a threshold, less that with 0.5."""
    logits, labels = _sample(FRESH, seed=10**6, spread=3, bias=bias)
    right = [((expit(logits) >= each) == labels).mean() for each in (threshold, 0.5)]
    return float(right[0] - right[1])


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((np.logaddexp(0, logits) - labels * logits).mean())


if __name__ == "__main__":
    main()
