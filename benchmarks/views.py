"""What V frozen views of each photograph cost against augmentation anew in each epoch.

The course's augmentation at 150 pixels and the default's pooled head, for as many epochs on each
side, with as many photographs an epoch. `live` sees another changed view of every photograph in
each epoch: the same function makes the views, and a frozen base gives for a view what it gives in
`train.base=live`, so they come through FrozenFeatures' forward, too. `cached` is what a run does:
the plain photograph and V changed views, drawn from by chance. Each seed has views of its own.

Accuracy, log loss and expected calibration error are those after the last epoch, without
calibration: means over seeds, and their standard deviation as `..._spread`. They are measured on a
fifth of the 2000 training photographs of cats_and_dogs_filtered (in ../shared or $FROSTLINE_SHARED)
that is held out; with `--report` on the 1000 validation photographs, trained on all 2000. No choice
is made on what is reported. `--table` prints a table besides.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf

from trainer import (
    calibration,
    dataset,
    feature_set,
    features,
    freezing,
    holdout,
    logits,
    model,
    network,
    precision,
    training_rows,
    views,
)
from trainer.blocks import CHANNELS
from trainer.feature_set import FeatureSet
from trainer.holdout import Labelled
from trainer.settings import (
    AugmentSettings,
    ImageSettings,
    ModelSettings,
    TrainerSettings,
    TrainSettings,
)
from trainer.training_rows import TrainingRows

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
VIEWS = (0, 1, 2, 4, 8)
HELD_OUT = 0.2
BLOCKS = ("mixed6", "mixed7")
COLUMNS = ("accuracy", "log_loss", "ece")


@dataclass(frozen=True)
class Photos:
    """The photographs of a split as gzipped TFRecords, and which they are."""

    file: str
    images: Labelled


def main() -> None:
    """Print a line of JSON for each number of views."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--report", action="store_true", help="on the validation photographs")
    parser.add_argument("--table", action="store_true", help="print a table, too")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    measured: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        photos = [_photos(place, split) for split in ("train", "validation")]
        for seed in range(1, asked.seeds + 1):
            for name, row in _of_seed(place, photos, seed, asked).items():
                measured.setdefault(name, []).append(row)
    lines = {name: _summed_up(rows) for name, rows in measured.items()}
    for name, line in lines.items():
        print(json.dumps({"name": f"views_{name}", **line}), flush=True)
    if asked.table:
        print("\n".join(_table(lines)))


def _photos(place: Path, split: str) -> Photos:
    paths = sorted((PHOTOS / split).glob("*/*.jpg"))
    labels = sorted({path.parent.name for path in paths})
    path, digests = str(place / f"{split}.gz"), []
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for each in paths:
            encoded = each.read_bytes()
            digests.append(hashlib.sha256(encoded).hexdigest())
            values = {features.ENCODED: encoded, features.SHA256: digests[-1].encode()}
            writer.write(_example(values))
    return Photos(path, Labelled(digests, [labels.index(each.parent.name) for each in paths]))


def _example(values: dict[str, bytes]) -> bytes:
    feature = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _of_seed(
    place: Path, photos: Sequence[Photos], seed: int, asked: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Each side's figures with the views of one seed."""
    train, validation = photos
    most = _settings(asked, seed, max(*VIEWS, asked.epochs))
    frozen = _frozen(place / f"frozen-{seed}", most, train, validation)
    if asked.report:
        split = train.images, validation.images
    else:
        split = holdout.split(train.images, HELD_OUT)
    found = {}
    for count in VIEWS:
        settings = _settings(asked, seed, count)
        rows = _rows(frozen, settings, *split)
        found[f"cached_{count}"] = _fitted(settings, [rows] * asked.epochs)
    anew = [_one_view(frozen, most, *split, number=number) for number in range(asked.epochs)]
    return found | {"live": _fitted(most, anew)}


def _settings(asked: argparse.Namespace, seed: int, count: int) -> TrainerSettings:
    return TrainerSettings(
        image=ImageSettings(size=150),
        # A weaker penalty than the default's, whose scores need calibration.
        model=ModelSettings(cut="mixed7", l2=0.01),
        augment=AugmentSettings(enabled=count > 0, views=count),
        train=TrainSettings(mirror=False, epochs=asked.epochs, seed=seed),
    )


def _frozen(
    place: Path, settings: TrainerSettings, train: Photos, validation: Photos
) -> FeatureSet:
    task = freezing.Task(
        settings=settings,
        train_files=[train.file],
        eval_files=[validation.file],
        weights=WEIGHTS,
        weights_sha256="benchmark",
        precision=precision.choose("auto"),
        store=place / "store",
        arrays=("pooled",),
        max_gigabytes=50,
    )
    freezing.freeze(task, place / "set")
    return feature_set.read(place / "set")


def _rows(
    frozen: FeatureSet, settings: TrainerSettings, train: Labelled, judged: Labelled
) -> TrainingRows:
    feed = network.feed_of(settings, frozen)
    return training_rows.of_images(train, judged, settings, features=frozen, feed=feed)


def _one_view(
    frozen: FeatureSet,
    settings: TrainerSettings,
    train: Labelled,
    judged: Labelled,
    *,
    number: int,
) -> TrainingRows:
    """One changed view of each training photograph, and nothing else."""
    feed = network.feed_of(settings, frozen)
    view = [each for each in views.of_training(settings) if each.is_augmented][number]
    keys = [views.key(digest, view) for digest in train.digests]
    rows = frozen.rows(keys, train.labels, array=feed.array, columns=feed.columns)
    judged_rows = _rows(frozen, settings, train, judged).evaluation
    return TrainingRows(train=rows, evaluation=judged_rows, epoch_rows=len(rows))


def _fitted(settings: TrainerSettings, epochs: Sequence[TrainingRows]) -> dict[str, float]:
    """Train a head, each epoch on the rows given for it, and judge it after the last."""
    keras.utils.set_random_seed(settings.train.seed)
    [first, *_] = epochs
    widths = [CHANNELS[name] for name in BLOCKS]
    head = model.build_head(widths, settings.model, class_count=2)
    model.adapt(head, network.spread(first.train))
    model.compile_for_training(head, settings.train, class_count=2, thawed=())
    rates = model.learning_rates(settings.train)
    steps = dataset.batch_count(first.epoch_rows, batch_size=settings.train.batch_size, steps=None)
    for number, rows in enumerate(epochs):
        batches = dataset.training_batches(
            rows.train,
            train=settings.train,
            augmentation=AugmentSettings(),
            first_epoch=number,
            epoch_rows=rows.epoch_rows,
        )
        head.fit(
            batches,
            initial_epoch=number,
            epochs=number + 1,
            steps_per_epoch=steps,
            shuffle=False,
            callbacks=rates,
            verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
        )
    return _judged(head, epochs[-1])


def _judged(head: keras.Model, rows: TrainingRows) -> dict[str, float]:
    found, labels = logits.read(head, network.batches(rows.evaluation))
    quality = calibration.fit(found, labels).before
    return {
        "accuracy": float(((found[:, 0] > 0) == labels).mean()),
        "log_loss": quality.log_loss,
        "ece": quality.expected_calibration_error,
    }


def _summed_up(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    line = {}
    for name in COLUMNS:
        values = [row[name] for row in rows]
        line[name] = round(statistics.fmean(values), 4)
        line[f"{name}_spread"] = round(statistics.pstdev(values), 4)
    return line


def _table(lines: dict[str, dict[str, float]]) -> list[str]:
    head = ["| | accuracy | log loss | calibration error |", "|---|---|---|---|"]
    cells = {
        name: [f"{line[each]:.4f} ({line[f'{each}_spread']:.4f})" for each in COLUMNS]
        for name, line in lines.items()
    }
    return head + [f"| {name} | {' | '.join(each)} |" for name, each in cells.items()]


if __name__ == "__main__":
    main()
