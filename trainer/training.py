"""One training, from transformed examples to a fitted classifier."""

import heapq
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import tensorflow as tf

from trainer import (
    checkpoints,
    curves,
    dataset,
    feature_set,
    frozen_base,
    model,
    multi_worker,
    network,
    parity,
    replicas,
    training_rows,
    workers,
)
from trainer.devices import choose_strategy
from trainer.feature_set import FeatureSet
from trainer.network import Network
from trainer.progress import Progress, report
from trainer.settings import AugmentSettings, TrainerSettings
from trainer.training_rows import Examples, TrainingRows

_MOST_MAP_STEPS = 10


@dataclass(frozen=True)
class Job:
    """What to train on, and where to keep what comes of it.

    features: folder of the images' frozen features; None where the base runs at every step
    weights: the pretrained weights; None is a random base
    checkpoints: folder that outlives an interruption; no other training uses it
    run_dir: folder for curves, summary and TensorBoard logs
    """

    settings: TrainerSettings
    examples: Examples
    features: Path | None
    weights: Path | None
    checkpoints: Path
    run_dir: Path


def train(job: Job) -> model.Classifier:
    """Fit a classifier, or go on where an interrupted training of the same job stopped.

    The result has the weights of the best epoch. `job.run_dir` gets history.json, curves.png,
    calibration.json (where the settings ask for it), parity.json, model.txt and TensorBoard logs.

    Raises:
      ConfigError: a layer or a device that the settings name is not there.
      WeightsError: the weights file does not fit.
      DataError: there is no example.
      WorkDirError: the features are damaged.
      WorkerError: another worker did not come, is gone, or reads other folders.
    """
    with _own_places(job) as own:
        return _train(own)


@contextmanager
def _own_places(job: Job) -> Iterator[Job]:
    """The job with folders to write to: of several workers, only the chief writes to its own."""
    listed = workers.found()
    if listed is None or listed.is_chief:
        yield job
        return
    with TemporaryDirectory() as folder:
        own = Path(folder, "checkpoints", job.checkpoints.name)
        # Nobody writes there yet: the chief waits until all have come.
        if job.checkpoints.exists():
            shutil.copytree(job.checkpoints, own)
        yield replace(job, checkpoints=own, run_dir=Path(folder))


def _train(job: Job) -> model.Classifier:
    settings = job.settings
    keras.utils.set_random_seed(settings.train.seed)
    # On a GPU, too, the same seed then gives the same curve.
    tf.config.experimental.enable_op_determinism()
    features = feature_set.read(job.features) if job.features else None
    class_count = len(job.examples.labels)
    with _precision(settings.train.precision):
        strategy = choose_strategy(settings.train.strategy)
        multi_worker.check_agreement(
            strategy,
            settings_and_files=job.checkpoints.name,
            epochs_in_checkpoints=checkpoints.read_state(job.checkpoints).done,
        )
        with strategy.scope():
            built = network.build(
                settings,
                weights=job.weights,
                class_count=class_count,
                features=features,
                calibration_pixels=lambda: _calibration_pixels(job),
            )
            model.compile_for_training(
                built.trained, settings.train, class_count=class_count, thawed=built.thawed
            )
        _write_summary(job.run_dir / "model.txt", built.classifier.whole)
        threshold = _fit(built, job, features)
    return replace(built.classifier, threshold=threshold)


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _calibration_pixels(job: Job) -> np.ndarray:
    """The training images with the smallest digests: whatever order they came in."""
    size = job.settings.image.size
    examples = dataset.read(job.examples.train_files, size=size, labels=job.examples.labels)
    chosen = heapq.nsmallest(
        frozen_base.CALIBRATION_IMAGES,
        examples.unbatch().as_numpy_iterator(),
        key=lambda example: example[2],
    )
    return np.stack([example[0] for example in chosen])


def _fit(network: Network, job: Job, features: FeatureSet | None) -> float | None:
    """Fit, calibrate and write down how it went; what comes back is the threshold."""
    job.checkpoints.mkdir(parents=True, exist_ok=True)
    with training_rows.opened(
        job.examples, job.settings, features=features, feed=network.feed, scratch=job.run_dir
    ) as found:
        network.adapt(found.train)
        best = _fit_rows(network, found, job)
        checkpoints.restore_best(network.trained, job.checkpoints, best)
        calibrated = network.calibrate(found.evaluation) if job.settings.model.calibrate else None
        # Now that the scores have their temperature.
        _write_parity(network, found.evaluation, job)
    curves.write(job.run_dir, best.state)
    if calibrated:
        calibrated.save(job.run_dir)
    shutil.rmtree(job.checkpoints)
    return calibrated and calibrated.threshold


def _write_parity(network: Network, rows: dataset.Source, job: Job) -> None:
    digests, _ = dataset.read_labels(job.examples.eval_files, labels=job.examples.labels)
    classes = job.examples.labels
    parity.write(job.run_dir, network.trained, rows, digests=digests, classes=classes)


def _fit_rows(network: Network, found: TrainingRows, job: Job) -> checkpoints.BestWeights:
    settings, trained = job.settings.train, network.trained
    state = checkpoints.read_state(job.checkpoints)
    multi_worker.check_agreement(
        trained.distribute_strategy,
        training_images=len(found.train),
        validation_images=len(found.evaluation),
    )
    checkpoints.restore_last(trained, job.checkpoints, state)
    steps = dataset.batch_count(
        found.epoch_rows, batch_size=settings.batch_size, steps=settings.steps_per_epoch
    )
    keeper = checkpoints.Checkpoints(
        job.checkpoints,
        state=state,
        patience=settings.early_stopping_patience,
        # Workers that go on must agree on the epoch, and their clocks do not.
        share=checkpoints.SHARE if _is_alone(network) else checkpoints.EACH_EPOCH,
    )
    patience_is_out = state.is_out_of_patience(settings.early_stopping_patience)
    if patience_is_out or state.done >= settings.epochs:  # Interrupted when all was trained.
        return keeper
    callbacks = [
        checkpoints.SeededDropout(settings.seed),
        keeper,
        *model.learning_rates(settings),
        keras.callbacks.TensorBoard(str(job.run_dir), write_graph=False),
        EpochProgress(epochs=settings.epochs, steps=steps),
    ]
    live = network.feed.array == "pixels"
    validation = settings.batch_size, settings.validation_steps
    material = replicas.Material(
        found,
        settings,
        # Frozen features are those of views that have been changed already.
        augmentation=job.settings.augment if live else AugmentSettings(),
        validation=validation if live else dataset.in_larger_batches(*validation),
        first_epoch=state.done,
    )
    if replicas.are_several(trained):
        replicas.fit(trained, material, steps=steps, callbacks=callbacks)
        return keeper
    trained.steps_per_execution = _steps_at_once(network, steps)
    trained.fit(
        dataset.training_batches(
            found.train,
            train=settings,
            augmentation=material.augmentation,
            first_epoch=state.done,
            epoch_rows=found.epoch_rows,
        ),
        validation_data=dataset.validation_batches(found.evaluation, *material.validation),
        initial_epoch=state.done,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0, and guesses a str
    )
    return keeper


def _steps_at_once(network: Network, steps: int) -> int:
    """Steps that TensorFlow takes before Python asks for more: a head's are over at once."""
    is_head_alone = network.feed.array != "pixels" and not network.thawed
    # With several replicas, TensorFlow finds a placeholder in Keras' loop over steps.
    if not (is_head_alone and _is_alone(network)):
        return 1
    # On whole maps a step takes tens of milliseconds, and progress is to be seen.
    is_small = network.feed.array == "pooled"
    return dataset.steps_at_once(steps, most=dataset.MOST_STEPS if is_small else _MOST_MAP_STEPS)


def _is_alone(network: Network) -> bool:
    return network.trained.distribute_strategy.num_replicas_in_sync == 1


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
