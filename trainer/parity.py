"""What some validation images score in training: the served model must give them the same."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from trainer.dataset import Source

FILE = "parity.json"
IMAGES = 64
_BATCH = 32


def write(
    folder: Path,
    trained: keras.Model,
    rows: Source,
    *,
    digests: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Write `parity.json` into a folder: `classes`, and `scores`, digest -> a score a class.

    Args:
      folder: of the training's results.
      trained: what was fitted, fed with rows.
      rows: of the validation images, in the order of their digests.
      digests: of these images, in any order.
      classes: names, in the order of the classifier's outputs.
    """
    chosen = sorted(digests)[:IMAGES]
    places = np.array_split(np.arange(len(chosen)), -(-len(chosen) // _BATCH))
    scores = np.concatenate([_scores(trained, rows, batch) for batch in places])
    by_digest = dict(zip(chosen, scores.tolist(), strict=True))
    text = json.dumps({"classes": list(classes), "scores": by_digest}, indent=2)
    (folder / FILE).write_text(text + "\n")


def _scores(trained: keras.Model, rows: Source, places: np.ndarray) -> np.ndarray:
    """A score a class, [N, C]: a sigmoid [N, 1] is the score of the second of two classes."""
    inputs, _ = rows.take(places)
    outputs = np.asarray(trained(inputs, training=False), np.float32)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
