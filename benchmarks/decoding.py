"""From the bytes of JPEG files to pixels: as it is served, and in plain operations.

Ours bounds sizes, turns by EXIF and gives each broken image an error; the yardstick is a map of
`tf.io.decode_image` and `tf.image.resize` with antialiasing, which gives the same pixels and fails
with the first broken image. They take turns; each line of JSON has medians in milliseconds a batch.
"""

import json
import os
import statistics
import time
from collections.abc import Callable

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from parts import stand_in

from trainer import served_images, signatures

SIZE = 299
ROUNDS = {1: 300, 32: 20}


def main() -> None:
    """Print the lines."""
    sides = [tf.function(each, [tf.TensorSpec([None], tf.string)]) for each in (_ours, _plain)]
    for batch_size, rounds in ROUNDS.items():
        files = tf.constant(stand_in.photos(batch_size))
        calls = [[_milliseconds(side, files) for side in sides] for _ in range(rounds + 3)][3:]
        ours, yardstick = (statistics.median(column) for column in zip(*calls, strict=True))
        line = {
            "name": f"decoding_ms_batch_{batch_size}",
            "ours": round(ours, 2),
            "yardstick": round(yardstick, 2),
            "ratio": round(yardstick / ours, 2),
        }
        print(json.dumps(line))


def _ours(encoded: tf.Tensor) -> tf.Tensor:
    pixels, errors = served_images.read(encoded, size=SIZE, max_pixels=signatures.MAX_PIXELS)
    with tf.control_dependencies([errors]):
        return tf.identity(pixels)


def _plain(encoded: tf.Tensor) -> tf.Tensor:
    spec = tf.TensorSpec([SIZE, SIZE, 3], tf.uint8)
    return tf.map_fn(_plain_one, encoded, fn_output_signature=spec)


def _plain_one(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    resized = tf.image.resize(image, [SIZE, SIZE], antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _milliseconds(side: Callable[[tf.Tensor], tf.Tensor], files: tf.Tensor) -> float:
    started = time.perf_counter()
    side(files).numpy()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
