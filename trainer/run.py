"""The adapter between TFX's Trainer and a training. TFX reloads it, so it holds functions only."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer import dataset, features, signatures, training
from trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

WARMUP_BATCH_SIZES = (1, 8)


def custom_config(
    settings: TrainerSettings,
    *,
    weights: Path | None,
    weights_sha256: str,
    code: str,
    checkpoints: Path,
) -> dict[str, Any]:
    """What `run_fn` needs beside TFX's own arguments, as JSON that is also its cache key."""
    return {
        "settings": settings.model_dump(mode="json"),
        "weights": None if weights is None else str(weights),
        "weights_sha256": weights_sha256,
        "code": code,
        "checkpoints": str(checkpoints),
    }


def run_fn(fn_args: "FnArgs") -> None:
    """Train, and export what was trained; TFX's Trainer calls this.

    Args:
      fn_args: the files to train on, the transform graph, the folders to write to, and
        `custom_config` as made by the function of that name.
    """
    job = _job(fn_args)
    job.run_dir.mkdir(parents=True, exist_ok=True)
    classifier = training.train(job)
    size = job.settings.image.size
    server = signatures.Server(classifier.whole, labels=job.labels, size=size)
    signatures.export(server, fn_args.serving_model_dir)
    pictures = _pictures(job.eval_files, size=size, labels=job.labels)
    signatures.write_warmup(fn_args.serving_model_dir, pictures, batch_sizes=WARMUP_BATCH_SIZES)


def _job(fn_args: "FnArgs") -> training.Job:
    config = fn_args.custom_config
    train_files, eval_files = _matching(fn_args.train_files), _matching(fn_args.eval_files)
    key = json.dumps([config, train_files, eval_files], sort_keys=True)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    labels = transform.vocabulary_by_name(features.LABEL_VOCABULARY)
    return training.Job(
        settings=TrainerSettings.model_validate(config["settings"]),
        train_files=train_files,
        eval_files=eval_files,
        # Sorted, so that a class keeps its place when the frequencies change.
        labels=sorted(label.decode() for label in labels),
        weights=None if config["weights"] is None else Path(config["weights"]),
        checkpoints=Path(config["checkpoints"]) / hashlib.sha256(key.encode()).hexdigest()[:16],
        run_dir=Path(fn_args.model_run_dir),
    )


def _matching(patterns: Sequence[str]) -> list[str]:
    return sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))


def _pictures(files: Sequence[str], *, size: int, labels: Sequence[str]) -> list[bytes]:
    """A few real images as JPEG files, to warm a server up with."""
    pixels, _, _ = next(iter(dataset.read(files, size=size, labels=labels).take(1)))
    count = min(len(pixels), max(WARMUP_BATCH_SIZES))
    return [tf.io.encode_jpeg(one).numpy() for one in pixels[:count]]
