"""One training, from transformed examples to a fitted classifier."""

import heapq
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone as backbones
from trainer import checkpoints, curves, dataset, model, rows
from trainer.devices import choose_strategy
from trainer.progress import Progress, report
from trainer.settings import TrainerSettings

CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class Job:
    """What to train on, and where to keep what comes of it.

    train_files, eval_files: gzipped TFRecords of transformed examples
    labels: class names, in the order of the classifier's outputs
    weights: the pretrained weights; None is a random base
    checkpoints: folder that outlives an interruption; no other training uses it
    run_dir: folder for curves, summary and TensorBoard logs
    """

    settings: TrainerSettings
    train_files: Sequence[str]
    eval_files: Sequence[str]
    labels: Sequence[str]
    weights: Path | None
    checkpoints: Path
    run_dir: Path


def train(job: Job) -> model.Classifier:
    """Fit a classifier, or go on where an interrupted training of the same job stopped.

    The result has the weights of the best epoch. `job.run_dir` gets history.json, curves.png,
    model.txt and TensorBoard logs.

    Raises:
      ConfigError: a layer or a device that the settings name is not there.
      WeightsError: the weights file does not fit.
      DataError: there is no example.
    """
    settings = job.settings
    keras.utils.set_random_seed(settings.train.seed)
    # On a GPU, too, the same seed then gives the same curve.
    tf.config.experimental.enable_op_determinism()
    with _precision(settings.train.precision):
        strategy = choose_strategy(settings.train.strategy)
        with strategy.scope():
            classifier, thawed = _build(job)
            trained = classifier.head if settings.train.base == "cached" else classifier.whole
            model.compile_for_training(
                trained, settings.train, class_count=len(job.labels), thawed=thawed
            )
        _write_summary(job.run_dir / "model.txt", classifier.whole)
        _fit(trained, classifier.encoder, job)
    return classifier


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build(job: Job) -> tuple[model.Classifier, list[keras.Variable]]:
    settings = job.settings
    base = backbones.build(
        size=settings.image.size,
        weights=job.weights,
        cut=settings.model.cut,
        seed=settings.train.seed,
    )
    if job.weights is None:
        backbones.calibrate(base, _calibration_images(job))
    layers = backbones.thaw(base, settings.model.thaw_from)
    classifier = model.build(
        base, image=settings.image, model=settings.model, class_count=len(job.labels)
    )
    return classifier, [variable for layer in layers for variable in layer.trainable_variables]


def _calibration_images(job: Job) -> tf.Tensor:
    """The training images with the smallest digests, scaled: whatever order they came in."""
    examples = _examples(job, job.train_files).unbatch()
    chosen = heapq.nsmallest(
        CALIBRATION_IMAGES, examples.as_numpy_iterator(), key=lambda example: example[2]
    )
    factor, offset = model.images.scaling_constants(job.settings.image.scaling)
    return tf.constant(np.stack([example[0] for example in chosen]) * factor + offset, tf.float32)


def _examples(job: Job, files: Sequence[str]) -> tf.data.Dataset:
    return dataset.read(files, size=job.settings.image.size, labels=job.labels)


def _fit(trained: keras.Model, encoder: keras.Model, job: Job) -> None:
    job.checkpoints.mkdir(parents=True, exist_ok=True)
    mirror = job.settings.train.mirror
    with TemporaryDirectory(dir=job.run_dir, prefix="rows-") as scratch:
        train_rows = rows.write(
            Path(scratch, "train.bin"),
            _batches(job, job.train_files, encoder, mirror=mirror, of="training"),
        )
        eval_rows = rows.write(
            Path(scratch, "eval.bin"),
            _batches(job, job.eval_files, encoder, mirror=False, of="validation"),
        )
        state = _fit_rows(trained, train_rows, eval_rows, job)
    checkpoints.restore_best(trained, job.checkpoints)
    curves.write(job.run_dir, state)
    shutil.rmtree(job.checkpoints)


def _batches(
    job: Job, files: Sequence[str], encoder: keras.Model, *, mirror: bool, of: str
) -> Iterator[rows.Batch]:
    """What the trained part of the network is fed, with progress: features, or pixels."""
    examples = _examples(job, files)
    if job.settings.train.base == "cached":
        batches = dataset.feature_batches(examples, encoder, mirror=mirror)
        unit = f"{of} features"
    else:
        batches = dataset.pixel_batches(examples)
        unit = f"{of} images"
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.labels)
        report(Progress(done=done, total=None, unit=unit))


def _fit_rows(
    trained: keras.Model, train_rows: rows.Rows, eval_rows: rows.Rows, job: Job
) -> checkpoints.State:
    settings = job.settings.train
    state = checkpoints.read_state(job.checkpoints)
    checkpoints.restore_last(trained, job.checkpoints, state)
    steps = dataset.batch_count(
        train_rows, batch_size=settings.batch_size, steps=settings.steps_per_epoch
    )
    keeper = checkpoints.Checkpoints(
        job.checkpoints, state=state, patience=settings.early_stopping_patience
    )
    patience_is_out = state.is_out_of_patience(settings.early_stopping_patience)
    if patience_is_out or state.done >= settings.epochs:  # Interrupted when all was trained.
        return state
    trained.fit(
        dataset.training_batches(
            train_rows, train=settings, augmentation=job.settings.augment, first_epoch=state.done
        ),
        validation_data=dataset.validation_batches(
            eval_rows, batch_size=settings.batch_size, steps=settings.validation_steps
        ),
        initial_epoch=state.done,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[
            checkpoints.SeededDropout(settings.seed),
            keeper,
            keras.callbacks.TensorBoard(str(job.run_dir), write_graph=False),
            EpochProgress(epochs=settings.epochs, steps=steps),
        ],
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0, and guesses a str
    )
    return keeper.state


class EpochProgress(keras.callbacks.Callback):
    """Reports steps and epochs as the progress of the running step."""

    def __init__(self, *, epochs: int, steps: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps = steps
        self.epoch = 0
        self.last = ""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Report the steps done in all epochs."""
        self._report(self.epoch * self.steps + batch + 1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Report the epoch's metrics."""
        names = ("accuracy", "val_accuracy")
        self.last = " · ".join(f"{name} {(logs or {})[name]:.3f}" for name in names)
        self._report((epoch + 1) * self.steps)

    def _report(self, done: int) -> None:
        remark = f"epoch {self.epoch + 1}/{self.epochs}"
        remark = f"{remark} · {self.last}" if self.last else remark
        report(Progress(done=done, total=self.epochs * self.steps, unit="steps", remark=remark))


def _write_summary(path: Path, whole: keras.Model) -> None:
    lines: list[str] = []
    whole.summary(print_fn=lines.append, expand_nested=True, show_trainable=True, line_length=120)
    path.write_text("\n".join(lines) + "\n")
