"""Seconds an epoch of the course's schedule, ours with frozen features against the course's script.

An epoch is 100 training steps and 50 validation steps of 20 images at 150 pixels. The yardstick is
the course's own script: ImageDataGenerator on the folders, Inception V3 up to `mixed7`, Flatten,
Dense 1024, RMSprop 1e-4, `fit`. Ours is the preset `course` with `train.base=cached` and
`augment.views`: once with its Flatten head, once with a pooled one. Both sides read the same
photographs (cats_and_dogs_filtered in ../shared or $FROSTLINE_SHARED) and train for as many epochs.

Ours, an epoch of a hundred = (seconds to freeze + seconds to start) / 100 + seconds of an epoch.
The sides take turns; of each side's epochs the median counts, the first apart, which compiles.
"""

import argparse
import hashlib
import itertools
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
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


@dataclass(frozen=True)
class Timed:
    """One training: validation accuracy after its last epoch, and what it took.

    once: seconds before the first epoch, with what is compiled in it
    epoch: seconds of each further epoch
    """

    accuracy: float
    once: float
    epoch: float


def main() -> None:
    """Print a line of JSON for each head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="of each side; 2 or more")
    parser.add_argument("--views", type=int, default=8, help="changed views of each photograph")
    options = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        examples = _examples(place)
        settings = {name: _settings(options, extra) for name, extra in HEADS.items()}
        freezing_seconds = _frozen(place, examples, settings["flatten"])
        ours = {name: _ours(place, examples, chosen) for name, chosen in settings.items()}
        yardstick = _yardstick(options.epochs)
    for name, timed in ours.items():
        _print(name, timed, yardstick, freezing_seconds)


def _print(name: str, ours: Timed, yardstick: Timed, freezing_seconds: float) -> None:
    amortised = (freezing_seconds + ours.once) / EPOCHS + ours.epoch
    result = {
        "name": f"course_epoch_seconds_{name}",
        "ours": round(amortised, 3),
        "yardstick": round(yardstick.epoch, 3),
        "ratio": round(yardstick.epoch / amortised, 1),
        "freezing_seconds": round(freezing_seconds, 1),
        "starting_seconds": round(ours.once, 1),
        "epoch_seconds": round(ours.epoch, 3),
        "accuracy": round(ours.accuracy, 4),
        "yardstick_accuracy": round(yardstick.accuracy, 4),
    }
    print(json.dumps(result), flush=True)


def _settings(options: argparse.Namespace, extra: Sequence[str]) -> TrainerSettings:
    overrides = [
        "train.base=cached",
        f"augment.views={options.views}",
        f"train.epochs={options.epochs}",
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


def _frozen(place: Path, examples: Examples, settings: TrainerSettings) -> float:
    started = time.perf_counter()
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
    return time.perf_counter() - started


class _Epochs(logging.Handler):
    """Notes when each epoch has been trained and validated."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        progress = record.__dict__["progress"]
        # The last steps are told twice: when they are trained, and when they are validated.
        if progress.unit == "steps" and progress.done % TRAIN_STEPS == 0:
            self.ends.append(time.perf_counter())


def _ours(place: Path, examples: Examples, settings: TrainerSettings) -> Timed:
    epochs, run_dir = _Epochs(), place / settings.model.head
    run_dir.mkdir()
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(epochs)
    started = time.perf_counter()
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
    LOGGER.removeHandler(epochs)
    history = json.loads((run_dir / "history.json").read_text())
    ends = epochs.ends[1::2]
    epoch = _median_step(ends)
    return Timed(history["epochs"][-1]["val_accuracy"], ends[0] - started - epoch, epoch)


def _yardstick(epochs: int) -> Timed:
    ends: list[float] = []
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
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
    started = time.perf_counter()
    history = _course_network().fit(
        changing.flow_from_directory(PHOTOS / "train", **flow),
        validation_data=plain.flow_from_directory(PHOTOS / "validation", **flow),
        # The course's 100 steps are the 2000 photographs once, 50 its 1000.
        epochs=epochs,
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
        callbacks=[noted],
    )
    epoch = _median_step(ends)
    return Timed(history.history["val_accuracy"][-1], ends[0] - started - epoch, epoch)


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


def _median_step(ends: Sequence[float]) -> float:
    return statistics.median(later - end for end, later in itertools.pairwise(ends))


if __name__ == "__main__":
    main()
