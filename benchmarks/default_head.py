"""Which image size and cut the `default` preset takes: 5-fold cross-validation on training photos.

Reads the 2000 training photographs of cats_and_dogs_filtered and Inception V3's ImageNet weights
from ../shared (or $FROSTLINE_SHARED); without them it says so and ends. The validation photographs,
on which accuracy is reported elsewhere, are not touched. Everything but size and cut is as in the
preset: each image and its mirror image, pooled features, no hidden layer.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from trainer import backbone, images, model
from trainer.settings import ImageSettings, ModelSettings, TrainSettings

SHARED = Path(os.environ.get("FROSTLINE_SHARED", Path(__file__).parents[2] / "shared"))
PHOTOS = SHARED / "data/cats_and_dogs_filtered/train"
WEIGHTS = SHARED / "weights/inception_v3_tf_notop_exact_to_mixed8.h5"
CANDIDATES = ((150, "mixed7"), (150, "mixed8"), (299, "mixed7"), (299, "mixed8"))
FOLDS = 5


def main() -> None:
    """Print a line of JSON for each candidate."""
    if not PHOTOS.exists() or not WEIGHTS.exists():
        sys.exit(f"{PHOTOS} or {WEIGHTS} is absent; $FROSTLINE_SHARED may name a folder with both")
    for size, cut in CANDIDATES:
        scores = _cross_validated(size, cut)
        accuracy, log_loss = np.mean(scores, axis=0)
        spread = np.std(scores, axis=0)
        result = {
            "name": f"head_{size}_{cut}",
            "accuracy": round(float(accuracy), 4),
            "accuracy_spread": round(float(spread[0]), 4),
            "log_loss": round(float(log_loss), 4),
            "log_loss_spread": round(float(spread[1]), 4),
        }
        print(json.dumps(result), flush=True)


def _cross_validated(size: int, cut: str) -> list[tuple[float, float]]:
    base = backbone.build(size=size, weights=WEIGHTS, cut=cut)
    settings = ModelSettings(cut=cut)
    classifier = model.build(base, image=ImageSettings(size=size), model=settings, class_count=2)
    files = [sorted(folder.iterdir()) for folder in sorted(PHOTOS.iterdir())]
    paths = [str(path) for folder in files for path in folder]
    labels = np.repeat(np.arange(len(files)), [len(folder) for folder in files])
    features, mirrored = _features(classifier.encoder, paths, size)
    folds = np.random.default_rng(0).permutation(len(paths)) % FOLDS
    return [
        _fold(classifier.head, features, mirrored, labels, folds == fold) for fold in range(FOLDS)
    ]


def _features(
    encoder: keras.Model, paths: Sequence[str], size: int
) -> tuple[np.ndarray, np.ndarray]:
    def pixels(path: tf.Tensor) -> tf.Tensor:
        return images.resize(images.decode(tf.io.read_file(path)), size)

    encode = tf.function(lambda batch: encoder(batch, training=False))
    batches = tf.data.Dataset.from_tensor_slices(paths).map(pixels, num_parallel_calls=2).batch(50)
    found = [(encode(batch), encode(tf.image.flip_left_right(batch))) for batch in batches]
    upright, mirrored = (np.concatenate(views) for views in zip(*found, strict=True))
    return upright, mirrored


def _fold(
    head: keras.Model,
    upright: np.ndarray,
    mirrored: np.ndarray,
    labels: np.ndarray,
    held: np.ndarray,
) -> tuple[float, float]:
    """Accuracy and log loss on the photographs held out, at the end of training."""
    train = TrainSettings()
    keras.utils.set_random_seed(train.seed)
    fresh = keras.models.clone_model(head)
    model.compile_for_training(fresh, train, class_count=2, thawed=())
    fresh.fit(
        np.concatenate([upright[~held], mirrored[~held]]),
        np.tile(labels[~held], 2),
        batch_size=train.batch_size,
        epochs=train.epochs,
        verbose=0,  # pyright: ignore[reportArgumentType]  Keras documents 0
    )
    log_loss, accuracy = fresh.evaluate(upright[held], labels[held], verbose=0)  # pyright: ignore[reportArgumentType]  Keras documents 0
    return accuracy, log_loss


if __name__ == "__main__":
    main()
