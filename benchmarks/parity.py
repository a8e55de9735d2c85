"""How far scores are apart when the same images come in batches of other sizes, or in float32.

Photographs of cats_and_dogs_filtered/train (in ../shared or $FROSTLINE_SHARED) at the preset
`default`. A linear head is fitted on features in batches of 32, as they are frozen; then it scores
what the same graph gives in batches of 1 and 8, and what it gives in the other precision. One line
a comparison: `ours` is the largest difference of a score, the yardstick is the gate's bound.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit

from components.serving_gate_settings import ServingGateSettings
from trainer import frozen_base, images
from trainer.folded import FoldedBase
from trainer.frozen_forward import POOLED, Forward
from trainer.processor import Precision
from trainer.settings import TrainerSettings

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered/train"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
SIZES = (1, 8)
PENALTY = 0.05
READ = 32


def main() -> None:
    """Print a line of JSON for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=320, metavar="N")
    options = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    settings = TrainerSettings()
    pixels, labels = _photos(options.photos, settings.image.size)
    whole = frozen_base.build(settings, WEIGHTS, None)
    bases = {each: frozen_base.fold(whole, settings, each) for each in PRECISIONS}
    frozen = {each: _frozen(base, pixels) for each, base in bases.items()}
    for precision, other in zip(PRECISIONS, reversed(PRECISIONS), strict=True):
        score = _head(frozen[precision], labels)
        scores = score(frozen[precision])
        for size in SIZES:
            served = score(_in_batches(bases[precision], pixels, size))
            _print(f"{precision}_in_batches_of_{size}", scores, served)
        _print(f"{precision}_served_in_{other}", scores, score(frozen[other]))


def _photos(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    cats, dogs = (sorted((PHOTOS / name).iterdir())[: count // 2] for name in ("cats", "dogs"))
    files = [*cats, *dogs]
    read = [
        images.pixels_from_bytes(
            tf.constant([path.read_bytes() for path in files[start : start + READ]]), size
        ).numpy()
        for start in range(0, len(files), READ)
    ]
    return np.concatenate(read), np.repeat([0.0, 1.0], [len(cats), len(dogs)])


def _frozen(base: FoldedBase, pixels: np.ndarray) -> np.ndarray:
    forward = Forward(base, size=pixels.shape[1], arrays=(POOLED,), batch_size=READ)
    starts = range(0, len(pixels), READ)
    return np.concatenate(
        [forward(tf.constant(pixels[start : start + READ]))[POOLED] for start in starts]
    )


def _in_batches(base: FoldedBase, pixels: np.ndarray, size: int) -> np.ndarray:
    starts = range(0, len(pixels), size)
    return np.concatenate(
        [base(tf.constant(pixels[start : start + size])).pooled.numpy() for start in starts]
    )


def _head(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    mean, deviation = features.mean(axis=0), features.std()

    def centred(rows: np.ndarray) -> np.ndarray:
        return np.hstack([(rows - mean) / deviation, np.ones((len(rows), 1))])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = centred(features) @ weights
        value = float(np.mean(np.logaddexp(0, logits) - labels * logits))
        slope = centred(features).T @ (expit(logits) - labels) / len(labels)
        return value + PENALTY / 2 * float(weights @ weights), slope + PENALTY * weights

    start = np.zeros(features.shape[1] + 1)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return lambda rows: expit(centred(rows) @ weights)


def _print(name: str, scores: np.ndarray, served: np.ndarray) -> None:
    difference = float(np.abs(scores - served).max())
    bound = ServingGateSettings().max_parity_difference
    ratio = round(bound / difference, 2) if difference else None
    line = {"name": f"parity_{name}", "ours": difference, "yardstick": bound, "ratio": ratio}
    print(json.dumps({**line, "photos": len(scores)}), flush=True)


if __name__ == "__main__":
    main()
