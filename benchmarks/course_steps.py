"""Training steps a second of the course's recipe: ours against the recipe as the course writes it.

The yardstick is ImageDataGenerator and `model.fit` on the very network that we train. Both sides
alternate in one run, on the same made photographs and with random weights, which cost the same as
trained ones. A step is 20 images: augmentation, frozen base, head forward and backward.
"""

import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from pipeline.config import resolve
from trainer import backbone, dataset, model, rows

IMAGES = 200
STEPS = 10
ROUNDS = 5


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 150, 150, 3), dtype=np.uint8)
    labels = rng.integers(0, 2, IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        ours, yardstick = _ours(pixels, labels, Path(folder)), _yardstick(pixels, labels)
        rounds = [(_steps_a_second(ours), _steps_a_second(yardstick)) for _ in range(ROUNDS)]
    result = {
        "name": "course_training_steps_per_second",
        "ours": round(statistics.median(one for one, _ in rounds), 2),
        "yardstick": round(statistics.median(other for _, other in rounds), 2),
        "ratio": round(statistics.median(one / other for one, other in rounds), 2),
    }
    print(json.dumps(result))


def _steps_a_second(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return STEPS / (time.perf_counter() - started)


def _network() -> keras.Model:
    settings = resolve(preset="course", file=None, overrides=(), weights=None)
    base = backbone.build(size=150, weights=None, cut=settings.model.cut)
    built = model.build(base, image=settings.image, model=settings.model, class_count=2)
    model.compile_for_training(built.whole, settings.train, class_count=2, thawed=())
    return built.whole


def _ours(pixels: np.ndarray, labels: np.ndarray, folder: Path) -> Callable[[], None]:
    settings = resolve(preset="course", file=None, overrides=(), weights=None)
    keys = np.array([b"%06d" % number for number in range(len(pixels))])
    written = rows.write(folder / "rows.bin", [rows.Batch(pixels, labels, keys)])
    batches = dataset.training_batches(
        written, train=settings.train, augmentation=settings.augment, first_epoch=0
    )
    return _fitting(_network(), lambda: batches)


def _yardstick(pixels: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    # The network scales by 1/255 itself, so the generator's `rescale` would do it twice.
    return _fitting(_network(), lambda: generator.flow(pixels, labels, batch_size=20))


def _fitting(network: keras.Model, batches: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        network.fit(batches(), steps_per_epoch=STEPS, epochs=1, verbose=0)  # pyright: ignore[reportArgumentType]  Keras documents 0

    work()
    return work


if __name__ == "__main__":
    main()
