"""What bfloat16 costs beside float32, from the files' bytes to labels, on real photographs.

The frozen base computes the 2000 training and 1000 validation photographs of cats_and_dogs_filtered
(in ../shared or $FROSTLINE_SHARED) in both precisions. The default's head is trained on each, with
five seeds, and judged on the validation photographs after its last epoch; nothing is chosen. Then
both models of the first seed are exported, loaded as a server loads them, and given the files.

`ours` is the accuracy in bfloat16 and `yardstick` that in float32, means over seeds with their
standard deviations; `cosine` compares the maps at the cut of each validation photograph in both
precisions, `throughout` with the first two convolutions in bfloat16, too (decision note 7).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from trainer import (
    backbone,
    blocks,
    calibration,
    features,
    folded,
    folding,
    images,
    logits,
    model,
    signatures,
)
from trainer.folded import FoldedBase
from trainer.served import Served
from trainer.settings import ImageSettings, ModelSettings, TrainSettings

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
CUTS = {150: "mixed7", 299: "mixed8"}
HALF, FULL, THROUGHOUT = "bfloat16", "float32", "throughout"
SEEDS = 5
BATCH = 50


@dataclass(frozen=True)
class Split:
    """Photographs of one split: files, labels, and pooled features by precision."""

    paths: Sequence[Path]
    labels: np.ndarray
    pooled: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Judged:
    """A head, and how well it tells the validation photographs apart."""

    head: keras.Model
    accuracy: float
    log_loss: float


def main() -> None:
    """Print a line of JSON for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[*CUTS], choices=[*CUTS])
    asked = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    for size in asked.size:
        print(json.dumps(_line(size)), flush=True)


def _line(size: int) -> dict[str, object]:
    bases = _bases(size)
    train, _ = _split("train", {name: bases[name] for name in (HALF, FULL)}, size)
    validation, cosines = _split("validation", bases, size)
    settings = ModelSettings(cut=CUTS[size])
    seeds = range(1, SEEDS + 1)
    half, full = (
        [_fitted(settings, train, validation, name, seed) for seed in seeds]
        for name in (HALF, FULL)
    )
    served = {
        name: _served(Served(bases[name], each[0].head, is_pooled=True), validation, size)
        for name, each in ((HALF, half), (FULL, full))
    }
    exported = {name: float((each == validation.labels).mean()) for name, each in served.items()}
    return {
        "name": f"half_precision_accuracy_{size}_{CUTS[size]}",
        "ours": _mean(half, "accuracy"),
        "yardstick": _mean(full, "accuracy"),
        "ratio": round(_mean(half, "accuracy") / _mean(full, "accuracy"), 4),
        "spread": _spread(half, "accuracy"),
        "yardstick_spread": _spread(full, "accuracy"),
        "log_loss": _mean(half, "log_loss"),
        "yardstick_log_loss": _mean(full, "log_loss"),
        "least_cosine": round(float(cosines[HALF].min()), 5),
        "least_cosine_throughout": round(float(cosines[THROUGHOUT].min()), 5),
        "exported_accuracy": exported[HALF],
        "yardstick_exported_accuracy": exported[FULL],
        "labels_that_differ": int((served[HALF] != served[FULL]).sum()),
    }


def _bases(size: int) -> dict[str, FoldedBase]:
    network = backbone.build(size=size, weights=WEIGHTS, cut=CUTS[size])
    image = ImageSettings(size=size)
    bases = {
        FULL: folded.fold(network, image=image, precision="float32"),
        HALF: folded.fold(network, image=image, precision="bfloat16"),
        THROUGHOUT: folded.fold(network, image=image, precision="bfloat16"),
    }
    with mock.patch.object(folding.Convolution, "is_at_the_bottom", False):
        bases[THROUGHOUT](tf.zeros((BATCH, size, size, 3), tf.uint8))  # It is traced once.
    return bases


def _split(
    name: str, bases: Mapping[str, FoldedBase], size: int
) -> tuple[Split, dict[str, np.ndarray]]:
    """The features of a split, and the cosine of each map to that in float32."""
    folders = sorted((PHOTOS / name).iterdir())
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    labels = np.array([folders.index(path.parent) for path in paths])
    pooled: dict[str, list[np.ndarray]] = {each: [] for each in bases}
    cosines: dict[str, list[np.ndarray]] = {each: [] for each in bases}
    for pixels in _pixels(paths, size):
        found = {each: base(pixels) for each, base in bases.items()}
        for each, answer in found.items():
            pooled[each].append(answer.pooled.numpy())
            cosines[each].append(_cosines(answer.map, found[FULL].map))
    whole = {each: np.concatenate(batches) for each, batches in pooled.items()}
    return Split(paths, labels, whole), {
        each: np.concatenate(batches) for each, batches in cosines.items()
    }


def _pixels(paths: Sequence[Path], size: int) -> Iterator[tf.Tensor]:
    def read(path: tf.Tensor) -> tf.Tensor:
        return images.resize(images.decode(tf.io.read_file(path)), size)

    names = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    yield from names.map(read, num_parallel_calls=2).batch(BATCH)


def _cosines(one: tf.Tensor, other: tf.Tensor) -> np.ndarray:
    flat = [tf.reshape(tf.cast(each, tf.float32), [len(each), -1]) for each in (one, other)]
    return tf.reduce_sum(tf.multiply(*(tf.nn.l2_normalize(each, 1) for each in flat)), 1).numpy()


def _fitted(
    settings: ModelSettings, train: Split, validation: Split, precision: str, seed: int
) -> Judged:
    below = blocks.up_to(settings.cut)
    wanted = model.columns(settings, below)
    schedule = TrainSettings(seed=seed)
    keras.utils.set_random_seed(seed)
    widths = [block.channels for block in below[-settings.pooled_blocks :]]
    head = model.build_head(widths, settings, class_count=2)
    fed = train.pooled[precision][:, wanted]
    model.adapt(head, [fed])
    model.compile_for_training(head, schedule, class_count=2, thawed=())
    head.fit(
        fed,
        train.labels.astype(np.float32),
        batch_size=schedule.batch_size,
        epochs=schedule.epochs,
        callbacks=model.learning_rates(schedule),
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
    )
    judged = validation.pooled[precision][:, wanted]
    found, labels = logits.read(head, [(judged, validation.labels)])
    loss = calibration.fit(found, labels).before.log_loss
    return Judged(head, float(((found[:, 0] > 0) == labels).mean()), loss)


def _served(served: Served, validation: Split, size: int) -> np.ndarray:
    """The classes that an exported model tells, from the files' own bytes."""
    names = [str(label) for label in range(2)]
    told = []
    with tempfile.TemporaryDirectory() as folder:
        signatures.export(signatures.Server(served, labels=names, size=size), folder)
        loaded = tf.saved_model.load(folder)
        signature = loaded.signatures[features.SERVING_SIGNATURE]
        for start in range(0, len(validation.paths), BATCH):
            batch = validation.paths[start : start + BATCH]
            encoded = tf.constant([path.read_bytes() for path in batch])
            answer = signature(**{features.INPUT_IMAGE_BYTES: encoded})
            told.append(answer[features.OUTPUT_LABEL].numpy().astype(np.int64))
    return np.concatenate(told)


def _mean(judged: Sequence[Judged], name: str) -> float:
    return round(statistics.fmean(getattr(each, name) for each in judged), 4)


def _spread(judged: Sequence[Judged], name: str) -> float:
    return round(statistics.pstdev(getattr(each, name) for each in judged), 4)


if __name__ == "__main__":
    main()
