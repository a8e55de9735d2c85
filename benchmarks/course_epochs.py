"""Seconds an epoch of the course's schedule, ours with frozen features against the course's script.

An epoch is 100 training steps and 50 validation steps of 20 images at 150 pixels. The yardstick is
the course's own script: ImageDataGenerator on the folders, Inception V3 up to `mixed7`, Flatten,
Dense 1024, RMSprop 1e-4, `fit`. Ours is the preset `course` with `train.base=cached` and
`augment.views`: once with its Flatten head, once with a pooled one. Both sides read the same
photographs (cats_and_dogs_filtered in ../shared or $FROSTLINE_SHARED), with each seed in turn.

Ours, an epoch of a hundred = (seconds to freeze + seconds to start) / 100 + seconds of an epoch.
Of the yardstick's epochs the median counts, the first apart, which compiles; of ours the mean,
since not each one writes a checkpoint. `cpu_ratio` is the same ratio in seconds of CPU, which other
work on the machine disturbs less. Accuracies are those after `--epochs` epochs, the mean over
seeds and their standard deviation.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from pipeline.config import resolve
from trainer import backbone, features, freezing, precision, training
from trainer.progress import LOGGER
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
EPOCHS = 100
TIMED_EPOCHS = 10
TRAIN_STEPS, VALIDATION_STEPS = 100, 50
# A pooled head is the default's, trained as the default trains it.
POOLED = TrainerSettings()
HEADS = {
    "pooled": (
        "model.head=pooled",
        "model.dense_units=0",
        f"model.pooled_blocks={POOLED.model.pooled_blocks}",
        f"model.normalize={str(POOLED.model.normalize).lower()}",
        f"model.l2={POOLED.model.l2}",
        f"train.optimizer={POOLED.train.optimizer}",
        f"train.learning_rate={POOLED.train.learning_rate}",
    ),
    "flatten": (),
}


Cost = np.ndarray
"""Seconds of wall time and of CPU, float64 [2]."""


@dataclass(frozen=True)
class Timed:
    """One training: validation accuracy after `--epochs` epochs, and what it took.

    once: before the first epoch, with what is compiled in it, and for freezing
    epoch: of each further epoch
    """

    accuracy: float
    once: Cost
    epoch: Cost

    @property
    def amortised(self) -> Cost:
        """An epoch of a hundred."""
        return self.once / EPOCHS + self.epoch


def main() -> None:
    """Print a line of JSON for each head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="of the course's script; 2 or more")
    parser.add_argument("--views", type=int, default=4, help="changed views of each photograph")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    warnings.simplefilter("ignore")
    yardsticks: list[Timed] = []
    ours: dict[str, list[Timed]] = {name: [] for name in HEADS}
    for seed in options.seeds:
        for name, timed in _trained(options, seed).items():
            ours[name].append(timed)
        yardsticks.append(_yardstick(options.epochs, seed))
    for name in HEADS:
        _print(name, ours[name], yardsticks)


def _trained(options: argparse.Namespace, seed: int) -> dict[str, Timed]:
    """Freeze for all heads, and train each."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        examples = _examples(place)
        settings = {name: _settings(options, seed, extra) for name, extra in HEADS.items()}
        freezing_cost = _frozen(place, examples, settings["flatten"])
        return {
            name: _ours(place, examples, chosen, options.epochs, freezing_cost)
            for name, chosen in settings.items()
        }


def _print(name: str, ours: Sequence[Timed], yardsticks: Sequence[Timed]) -> None:
    pairs = list(zip(ours, yardsticks, strict=True))
    accuracies, theirs = ([each.accuracy for each in side] for side in (ours, yardsticks))
    ratios = np.median([two.epoch / one.amortised for one, two in pairs], axis=0)
    result = {
        "name": f"course_epoch_seconds_{name}",
        "ours": np.median([one.amortised for one in ours], axis=0)[0],
        "yardstick": np.median([one.epoch for one in yardsticks], axis=0)[0],
        "ratio": ratios[0],
        "cpu_ratio": ratios[1],
        "once_seconds": np.median([one.once for one in ours], axis=0)[0],
        "epoch_seconds": np.median([one.epoch for one in ours], axis=0)[0],
        "accuracy": np.mean(accuracies),
        "accuracy_spread": np.std(accuracies),
        "yardstick_accuracy": np.mean(theirs),
        "yardstick_accuracy_spread": np.std(theirs),
    }
    rounded = {
        key: each if key == "name" else round(float(each), 4) for key, each in result.items()
    }
    print(json.dumps(rounded), flush=True)


def _settings(options: argparse.Namespace, seed: int, extra: Sequence[str]) -> TrainerSettings:
    overrides = [
        "train.base=cached",
        f"augment.views={options.views}",
        # Changed views are mirrored by chance, as the course's are.
        "train.mirror=false",
        f"train.epochs={max(options.epochs, TIMED_EPOCHS)}",
        f"train.seed={seed}",
        *extra,
    ]
    config = resolve(preset="course", file=None, overrides=overrides, weights=None)
    sections = set(TrainerSettings.model_fields)
    return TrainerSettings.model_validate(config.model_dump(include=sections))


def _examples(place: Path) -> Examples:
    """Examples of the photographs, as ingestion writes them and Transform leaves them."""
    files = {split: str(place / f"{split}.gz") for split in ("train", "validation")}
    for split, file in files.items():
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for path in sorted((PHOTOS / split).glob("*/*.jpg")):
                writer.write(_example(path))
    labels = sorted(path.name for path in (PHOTOS / "train").iterdir())
    return Examples([files["train"]], [files["validation"]], labels)


def _example(path: Path) -> bytes:
    encoded = path.read_bytes()
    values = {
        features.ENCODED: encoded,
        features.LABEL: path.parent.name.encode(),
        features.SHA256: hashlib.sha256(encoded).hexdigest().encode(),
    }
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _frozen(place: Path, examples: Examples, settings: TrainerSettings) -> Cost:
    started = _now()
    task = freezing.Task(
        settings=settings,
        train_files=examples.train_files,
        eval_files=examples.eval_files,
        weights=WEIGHTS,
        weights_sha256="benchmark",
        precision=precision.choose(settings.model.precision),
        store=place / "store",
        arrays=("pooled", "map"),
        max_gigabytes=50,
    )
    freezing.freeze(task, place / "frozen")
    return _now() - started


class _Epochs(logging.Handler):
    """Notes when each epoch has been trained and validated."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Cost] = []

    def emit(self, record: logging.LogRecord) -> None:
        progress = record.__dict__["progress"]
        # The last steps are told twice: when they are trained, and when they are validated.
        if progress.unit == "steps" and progress.done % TRAIN_STEPS == 0:
            self.ends.append(_now())


def _ours(
    place: Path,
    examples: Examples,
    settings: TrainerSettings,
    epochs: int,
    freezing_cost: Cost,
) -> Timed:
    told, run_dir = _Epochs(), place / settings.model.head
    run_dir.mkdir()
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(told)
    started = _now()
    training.train(
        training.Job(
            settings=settings,
            examples=examples,
            features=place / "frozen",
            weights=WEIGHTS,
            checkpoints=run_dir / "checkpoints",
            run_dir=run_dir,
        )
    )
    LOGGER.removeHandler(told)
    history = json.loads((run_dir / "history.json").read_text())
    ends = told.ends[1::2]
    epoch = (ends[-1] - ends[0]) / (len(ends) - 1)
    return Timed(
        history["epochs"][epochs - 1]["val_accuracy"],
        freezing_cost + ends[0] - started - epoch,
        epoch,
    )


def _yardstick(epochs: int, seed: int) -> Timed:
    keras.utils.set_random_seed(seed)
    ends: list[Cost] = []
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(_now()))
    changing = tf.keras.preprocessing.image.ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    )
    plain = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1 / 255)
    flow = {"batch_size": 20, "class_mode": "binary", "target_size": (150, 150)}
    started = _now()
    history = _course_network().fit(
        changing.flow_from_directory(PHOTOS / "train", **flow),
        validation_data=plain.flow_from_directory(PHOTOS / "validation", **flow),
        # The course's 100 steps are the 2000 photographs once, 50 its 1000.
        epochs=epochs,
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
        callbacks=[noted],
    )
    epoch = np.median(np.diff(ends, axis=0), axis=0)
    return Timed(history.history["val_accuracy"][-1], ends[0] - started - epoch, epoch)


def _now() -> Cost:
    return np.array([time.perf_counter(), time.process_time()])


def _course_network() -> keras.Model:
    # Loaded by our own reader, which knows the file; the course's `load_weights` gives the same.
    base = backbone.build(size=150, weights=WEIGHTS, cut="mixed7")
    x = keras.layers.Flatten()(base.output)
    x = keras.layers.Dense(1024, activation="relu")(x)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Dense(1, activation="sigmoid")(x)
    network = keras.Model(base.input, x)
    optimizer = keras.optimizers.RMSprop(learning_rate=1e-4)
    network.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return network


if __name__ == "__main__":
    main()
