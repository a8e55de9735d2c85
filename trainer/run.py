"""The adapter between TFX's Trainer and a training. TFX reloads it, so it holds functions only."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer import (
    dataset,
    feature_set,
    features,
    frozen_base,
    images,
    model,
    network,
    precision,
    search_space,
    signatures,
    training,
    workers,
)
from trainer.served import Served
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

WARMUP_BATCH_SIZES = (1, 8, 32)


def custom_config(
    settings: TrainerSettings,
    *,
    weights: Path | None,
    weights_sha256: str,
    code: str,
    checkpoints: Path,
    max_pixels: int,
) -> dict[str, Any]:
    """What `run_fn` needs beside TFX's own arguments, as JSON that is also its cache key."""
    return {
        "settings": settings.model_dump(mode="json"),
        "weights": None if weights is None else str(weights),
        "weights_sha256": weights_sha256,
        "code": code,
        "checkpoints": str(checkpoints),
        "max_pixels": max_pixels,
    }


def run_fn(fn_args: "FnArgs") -> None:
    """Train, and export what was trained; TFX's Trainer calls this.

    Of several workers (TF_CONFIG), the chief alone exports.

    Args:
      fn_args: the files to train on, the transform graph, the folders to write to, and
        `custom_config` as made by the function of that name, with the folder of the frozen
        features as `features`; and KerasTuner's best hyperparameters, where a Tuner went before.
    """
    job = _job(fn_args)
    job.run_dir.mkdir(parents=True, exist_ok=True)
    classifier = training.train(job)
    listed = workers.found()
    if listed and not listed.is_chief:
        return
    size = job.settings.image.size
    server = signatures.Server(
        served(classifier, job),
        labels=job.examples.labels,
        size=size,
        threshold=classifier.threshold,
        max_pixels=fn_args.custom_config["max_pixels"],
    )
    signatures.export(server, fn_args.serving_model_dir)
    signatures.write_warmup(
        fn_args.serving_model_dir, _pictures(job), batch_sizes=WARMUP_BATCH_SIZES
    )


def _job(fn_args: "FnArgs") -> training.Job:
    config = fn_args.custom_config
    train_files, eval_files = matching(fn_args.train_files), matching(fn_args.eval_files)
    settings = TrainerSettings.model_validate(config["settings"])
    if fn_args.hyperparameters:
        settings = search_space.with_hyperparameters(settings, fn_args.hyperparameters["values"])
    key = json.dumps([config, settings.model_dump(), train_files, eval_files], sort_keys=True)
    names = class_names(fn_args.transform_graph_path)
    folder = config.get(features.FROZEN)
    return training.Job(
        settings=settings,
        examples=Examples(train_files, eval_files, names),
        features=None if folder is None else Path(folder),
        weights=None if config["weights"] is None else Path(config["weights"]),
        checkpoints=Path(config["checkpoints"]) / hashlib.sha256(key.encode()).hexdigest()[:16],
        run_dir=Path(fn_args.model_run_dir),
    )


def served(classifier: model.Classifier, job: training.Job) -> Served:
    """The classifier with its base folded, as precise as the features that it was trained on."""
    if job.features:
        chosen = feature_set.read(job.features).base.precision
    else:
        # Keras ran the base at every step, and not in half precision.
        wanted = job.settings.model.precision
        chosen = "float32" if wanted == "auto" else precision.choose(wanted)
    base = frozen_base.fold(network.base_of(classifier), job.settings, chosen)
    chosen_model = job.settings.model
    return Served(
        base,
        classifier.head,
        is_pooled=chosen_model.head == "pooled",
        both_sides=chosen_model.both_sides,
    )


def class_names(transform_graph_path: str) -> list[str]:
    """The classes in the order of their labels."""
    transform = tft.TFTransformOutput(transform_graph_path)
    labels = transform.vocabulary_by_name(features.LABEL_VOCABULARY)
    # Sorted, so that a class keeps its place when the frequencies change.
    return sorted(label.decode() for label in labels)


def matching(patterns: Sequence[str]) -> list[str]:
    """The files that some patterns match, sorted."""
    return sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))


def _pictures(job: training.Job) -> list[bytes]:
    """A few real images as JPEG files of the model's size, to warm a server up with.

    Not the files themselves: forty photos of a camera would take more than the model.
    """
    size, examples = job.settings.image.size, job.examples
    if job.features:
        found = feature_set.read(job.features).pictures()
        pixels = images.pixels_from_bytes(tf.constant(found), size)
    else:
        decoded = dataset.read(examples.eval_files, size=size, labels=examples.labels)
        pixels, _, _ = next(iter(decoded.take(1)))
    return [tf.io.encode_jpeg(one).numpy() for one in pixels[: max(WARMUP_BATCH_SIZES)]]
