"""Augmented images a second on one core: ours inside tf.data against Keras' ImageDataGenerator.

Both sides alternate in one run and do the same work on the same pixels; the ratio is the median
of the rounds. Seconds are CPU seconds of this process, so that other load matters little.
"""

import json
import os
import statistics
import time
import warnings
from collections.abc import Callable

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from trainer.augment import augment
from trainer.settings import AugmentSettings

SIZE = 150
IMAGES = 1000
ROUNDS = 7
SETTINGS = AugmentSettings(enabled=True)


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("ignore")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    ours, yardstick = _ours(pixels), _yardstick(pixels)
    rounds = [(_images_a_second(ours), _images_a_second(yardstick)) for _ in range(ROUNDS)]
    result = {
        "name": "augmentation_images_per_cpu_second",
        "ours": round(statistics.median(one for one, _ in rounds)),
        "yardstick": round(statistics.median(other for _, other in rounds)),
        "ratio": round(statistics.median(one / other for one, other in rounds), 2),
    }
    print(json.dumps(result))


def _images_a_second(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return IMAGES / (time.process_time() - started)


def _ours(pixels: np.ndarray) -> Callable[[], None]:
    image = tf.constant(pixels)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    seeds = tf.data.Dataset.range(IMAGES).map(lambda number: tf.stack([number, 7]))
    changed = seeds.map(lambda seed: augment(image, SETTINGS, seed=seed)).with_options(options)

    def work() -> None:
        for _ in changed:
            pass

    work()
    return work


def _yardstick(pixels: np.ndarray) -> Callable[[], None]:
    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=SETTINGS.rotation_degrees,
        width_shift_range=SETTINGS.width_shift,
        height_shift_range=SETTINGS.height_shift,
        shear_range=SETTINGS.shear_degrees,
        zoom_range=SETTINGS.zoom,
        horizontal_flip=SETTINGS.horizontal_flip,
        fill_mode="nearest",
    )
    image = pixels.astype(np.float32)

    def work() -> None:
        for _ in range(IMAGES):
            generator.apply_transform(image, generator.get_random_transform(image.shape))

    return work


if __name__ == "__main__":
    main()
