"""Which head the presets take: heads compared on frozen features, by cross-validation.

Reads the 2000 training photographs of cats_and_dogs_filtered and Inception V3's ImageNet weights
from ../shared (or $FROSTLINE_SHARED); without them it says so and ends. Each photograph and its
mirror image go through the frozen base once; then five seeds, each with five folds of its own,
train every head on four folds and judge it on the fifth. The temperature for a fold is fitted on
the other four, out of fold. No choice touches the validation photographs.

`--report` measures what was chosen, once, on the 1000 validation photographs: five seeds, each with
a tenth of the training photographs held out for the best epoch and for calibration; and again
trained on all of them to the last epoch, with the temperature of before (`all_...`).

`--few N` trains on N training photographs of each class, with N/2 more for calibration.

    python benchmarks/heads.py [--report | --few N] [--size SIZE...] [--head NAME...|all]

Without --head: the default preset's head, and the one that it had before. All of them at both sizes
take the better part of an hour on two cores.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone, blocks, calibration, folded, images, logits, model, precision
from trainer.settings import ImageSettings, ModelSettings, TrainSettings

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
CUT = "mixed8"
SEEDS, FOLDS = 5, 5
# Of training, in one call of TensorFlow: it changes the time that is taken, and no result.
STEPS_AT_ONCE = 50

Array = np.ndarray


@dataclass(frozen=True)
class Head:
    """A head, and what is done to it that no setting does."""

    name: str
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    special: str = ""


PLAIN = {"normalize": False, "l2": 0.0}
CONSTANT = TrainSettings(epochs=30, learning_rate_schedule="constant")
HEADS = (
    # As the default preset was: one block, as the base gives it.
    Head("before", ModelSettings(pooled_blocks=1, dropout=0.2, **PLAIN), CONSTANT),
    Head("normalized", ModelSettings(pooled_blocks=1, l2=0.0)),
    Head("default_one_block", ModelSettings(pooled_blocks=1)),
    Head("default"),
    Head("three_blocks", ModelSettings(pooled_blocks=3)),
    Head("l2_0.03", ModelSettings(l2=0.03)),
    Head("l2_0.3", ModelSettings(l2=0.3)),
    Head("dropout_0.5", ModelSettings(dropout=0.5)),
    Head("dense_256", ModelSettings(dense_units=256)),
    Head("each_feature_standardized", special="standardized"),
    Head("label_smoothing_0.1", special="smoothed"),
    Head("averaged_weights", train=CONSTANT, special="averaged"),
    Head("ridge_closed_form", special="ridge"),
    # Each photograph and its mirror image, at twice the forwards when serving.
    Head("both_sides", special="both_sides"),
    Head("both_sides_one_block", ModelSettings(pooled_blocks=1), special="both_sides"),
)


@dataclass(frozen=True)
class Photos:
    """Pooled features of all blocks: of each photograph, and of its mirror image; and labels."""

    upright: Array
    mirrored: Array
    labels: Array

    def some(self, chosen: Array) -> "Photos":
        """Some of the photographs."""
        return Photos(self.upright[chosen], self.mirrored[chosen], self.labels[chosen])

    def rows(self, chosen: Array) -> tuple[Array, Array]:
        """Both views of some photographs, to train on."""
        views = (self.upright[chosen], self.mirrored[chosen])
        return np.concatenate(views), np.tile(self.labels[chosen], len(views))


Logits = Callable[[Photos], Array]


def main() -> None:
    """Print a line of JSON for each head."""
    asked = _arguments()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    for size in asked.size:
        photos = _photos(size, "train")
        heads = [head for head in HEADS if head.name in asked.head]
        if asked.report:
            judged = _photos(size, "validation")
            lines = (_reported(head, photos, judged) for head in heads)
        elif asked.few:
            lines = (_on_few(head, photos, asked.few) for head in heads)
        else:
            lines = (_cross_validated(head, photos) for head in heads)
        for head, line in zip(heads, lines, strict=True):
            print(json.dumps({"name": f"{head.name}_{size}", **line}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [head.name for head in HEADS]
    few = ("before", "default")
    parser.add_argument("--report", action="store_true", help="on the validation photographs")
    parser.add_argument("--few", type=int, metavar="N", help="train on N photographs a class only")
    parser.add_argument("--size", type=int, nargs="+", default=[150, 299])
    parser.add_argument("--head", nargs="+", choices=[*names, "all"], default=few)
    asked = parser.parse_args()
    return argparse.Namespace(**vars(asked) | ({"head": names} if "all" in asked.head else {}))


def _photos(size: int, split: str) -> Photos:
    folders = sorted((PHOTOS / split).iterdir())
    files = [sorted(folder.iterdir()) for folder in folders]
    paths = [str(path) for folder in files for path in folder]
    network = backbone.build(size=size, weights=WEIGHTS, cut=CUT)
    base = folded.fold(network, image=ImageSettings(size=size), precision=precision.choose("auto"))
    pool = tf.function(lambda pixels: base(pixels).pooled)
    found = [(pool(batch), pool(batch[:, :, ::-1])) for batch in _pixels(paths, size)]
    upright, mirrored = (np.concatenate(views) for views in zip(*found, strict=True))
    return Photos(
        upright, mirrored, np.repeat(np.arange(len(files)), [len(folder) for folder in files])
    )


def _pixels(paths: Sequence[str], size: int) -> Iterator[tf.Tensor]:
    def read(path: tf.Tensor) -> tf.Tensor:
        return images.resize(images.decode(tf.io.read_file(path)), size)

    yield from tf.data.Dataset.from_tensor_slices(paths).map(read, num_parallel_calls=2).batch(50)


def _cross_validated(head: Head, photos: Photos) -> dict[str, float]:
    rows = []
    for seed in range(1, SEEDS + 1):
        folds = np.random.default_rng(seed).permutation(len(photos.labels)) % FOLDS
        outside = np.empty((len(folds), 1))
        for fold in range(FOLDS):
            held = folds == fold
            outside[held] = _fitted(head, photos, ~held, seed)(photos.some(held))
        rows.append(_scored(outside, photos.labels, folds))
    return _summed_up(rows)


def _scored(outside: Array, labels: Array, folds: Array) -> dict[str, float]:
    """Figures of logits out of fold; a fold's temperature comes from the other folds."""
    temperatures = [
        calibration.fit(outside[folds != fold], labels[folds != fold]).temperature
        for fold in range(FOLDS)
    ]
    cooled = outside / np.take(temperatures, folds)[:, np.newaxis]
    raw, calibrated = (calibration.fit(one, labels).before for one in (outside, cooled))
    return {
        "accuracy": float(((outside[:, 0] > 0) == labels).mean()),
        "log_loss": raw.log_loss,
        "ece": raw.expected_calibration_error,
        "temperature": float(np.mean(temperatures)),
        "calibrated_log_loss": calibrated.log_loss,
        "calibrated_ece": calibrated.expected_calibration_error,
    }


def _reported(head: Head, photos: Photos, judged: Photos) -> dict[str, float]:
    rows = []
    for seed in range(1, SEEDS + 1):
        held = np.random.default_rng(seed).permutation(len(photos.labels)) % 10 == 0
        row = _judged(head, photos, ~held, held, judged, seed)
        logits_of_all = _fitted(head, photos, held | ~held, seed)(judged)
        quality = calibration.fit(logits_of_all / row["temperature"], judged.labels).before
        row["all_accuracy"] = float(((logits_of_all[:, 0] > 0) == judged.labels).mean())
        row["all_log_loss"] = quality.log_loss
        row["all_ece"] = quality.expected_calibration_error
        rows.append(row)
    return _summed_up(rows)


def _on_few(head: Head, photos: Photos, count: int) -> dict[str, float]:
    """Trained on `count` photographs a class, half as many held out; judged on all others."""
    rows = []
    for seed in range(1, SEEDS + 1):
        order = np.random.default_rng(seed).permutation(len(photos.labels))
        rank = np.empty_like(order)
        for label in np.unique(photos.labels):
            of_class = order[photos.labels[order] == label]
            rank[of_class] = np.arange(len(of_class))
        chosen, rest = rank < count, rank >= count + count // 2
        rows.append(_judged(head, photos, chosen, ~chosen & ~rest, photos.some(rest), seed))
    return _summed_up(rows)


def _judged(
    head: Head, photos: Photos, chosen: Array, held: Array, judged: Photos, seed: int
) -> dict[str, float]:
    """Train on `chosen`; the best epoch, temperature and threshold come from `held`."""
    score = _fitted(head, photos, chosen, seed, held)
    found = calibration.fit(score(photos.some(held)), photos.labels[held])
    raw = score(judged)
    cooled = raw / found.temperature
    threshold = found.threshold or 0.5
    is_second = 1 / (1 + np.exp(-cooled[:, 0])) >= threshold
    quality = calibration.fit(cooled, judged.labels).before
    return {
        "accuracy": float((is_second == judged.labels).mean()),
        "log_loss": calibration.fit(raw, judged.labels).before.log_loss,
        "temperature": found.temperature,
        "threshold": threshold,
        "calibrated_log_loss": quality.log_loss,
        "calibrated_ece": quality.expected_calibration_error,
    }


def _summed_up(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    line = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        line[name] = round(float(np.mean(values)), 4)
        line[f"{name}_spread"] = round(float(np.std(values)), 4)
    return line


def _fitted(
    head: Head, photos: Photos, chosen: Array, seed: int, held: Array | None = None
) -> Logits:
    """Train a head on some photographs; with `held`, keep the epoch that is best on those."""
    pooled = blocks.up_to(CUT)
    wanted = model.columns(head.model, pooled)
    inputs, labels = photos.rows(chosen)
    if head.special == "ridge":
        return _ridge(inputs[:, wanted], labels, wanted)
    spread = inputs[:, wanted].std(axis=0) if head.special == "standardized" else 1.0
    keras.utils.set_random_seed(seed)
    widths = [block.channels for block in pooled[-head.model.pooled_blocks :]]
    network = model.build_head(widths, head.model, class_count=2)
    fed = inputs[:, wanted] / spread
    model.adapt(network, [fed])
    _compile(head, network)
    network.steps_per_execution = STEPS_AT_ONCE
    network.fit(
        fed,
        labels.astype(np.float32),
        batch_size=head.train.batch_size,
        epochs=head.train.epochs,
        callbacks=[*model.learning_rates(head.train), *_best_epoch(head, held)],
        validation_data=None
        if held is None
        else (photos.upright[held, wanted] / spread, photos.labels[held]),
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
    )
    if head.special == "averaged":
        network.optimizer.finalize_variable_values(network.trainable_variables)

    def score(some: Photos) -> Array:
        # A linear head's mean logit of two views is its logit of their mean features.
        both = (some.upright + some.mirrored) / 2
        seen = (both if head.special == "both_sides" else some.upright)[:, wanted]
        return logits.read(network, [(seen / spread, some.labels)])[0]

    return score


def _compile(head: Head, network: keras.Model) -> None:
    if head.special == "smoothed":
        network.compile("adam", keras.losses.BinaryCrossentropy(label_smoothing=0.1))
    elif head.special == "averaged":
        rate = head.train.learning_rate
        averaged = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.99)
        network.compile(averaged, "binary_crossentropy")
    else:
        model.compile_for_training(network, head.train, class_count=2, thawed=())


def _best_epoch(head: Head, held: Array | None) -> list[keras.callbacks.Callback]:
    if held is None:
        return []
    epochs = head.train.epochs
    return [keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)]


def _ridge(inputs: Array, labels: Array, wanted: slice) -> Logits:
    """Least squares on centred features: a linear probe in closed form."""
    mean, goal = inputs.mean(axis=0), labels - labels.mean()
    centred = inputs - mean
    penalty = len(inputs) * centred.var()
    products = centred.T @ centred + penalty * np.eye(centred.shape[1], dtype=np.float32)
    weights = np.linalg.solve(products, centred.T @ goal)[:, np.newaxis]
    return lambda some: 4 * (some.upright[:, wanted] - mean) @ weights


if __name__ == "__main__":
    main()
