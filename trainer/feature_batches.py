"""Features in batches: views made while the base runs, and results gathered to segments."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from trainer import raw_images, views
from trainer.frozen_forward import Forward
from trainer.settings import TrainerSettings
from trainer.views import View

_SEGMENT_BYTES = 64_000_000

Batch = tuple[list[str], dict[str, np.ndarray]]
Looker = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def computed(
    forward: Forward,
    files: Sequence[str],
    places: Mapping[str, int],
    chosen: Mapping[str, Sequence[View]],
    *,
    settings: TrainerSettings,
) -> Iterator[Batch]:
    """Run the base on some views of some images, each once.

    Decoding and looking go on in other threads meanwhile.

    Args:
        forward: the base.
        files: gzipped TFRecords of raw Examples.
        places: digest -> where the image is, counted through all files.
        chosen: digest -> the views of it.
        settings: image and augment.

    Yields:
        keys of rows, and name -> array with these rows.
    """
    keys = [views.key(digest, view) for digest, some in chosen.items() for view in some]
    wanted = [places[digest] for digest in chosen]
    decoded = raw_images.decoded(files, wanted, size=settings.image.size)
    looks = decoded.map(_looker(chosen, settings), num_parallel_calls=tf.data.AUTOTUNE)
    for rows, pixels in looks.unbatch().batch(forward.batch_size).prefetch(tf.data.AUTOTUNE):
        yield [keys[row] for row in rows.numpy()], forward(pixels)


def _looker(chosen: Mapping[str, Sequence[View]], settings: TrainerSettings) -> Looker:
    """Makes the wanted views of the n-th image, each with its place among all of them."""
    ends = tf.constant(np.cumsum([0, *map(len, chosen.values())]), tf.int64)
    kinds = tf.constant([view.kind for some in chosen.values() for view in some], tf.int64)
    seeds = [view.seed(digest) for digest, some in chosen.items() for view in some]
    all_seeds = tf.constant(seeds, tf.int64)

    def look(number: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.range(ends[number], ends[number + 1])
        what = tf.gather(kinds, rows), tf.gather(all_seeds, rows)
        return rows, views.look(pixels, *what, settings.augment)

    return look


def gathered(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches put together to segments of some size: what a kill may cost."""
    keys: list[str] = []
    parts: list[dict[str, np.ndarray]] = []
    for batch_keys, arrays in batches:
        keys += batch_keys
        parts.append(arrays)
        if sum(array.nbytes for part in parts for array in part.values()) >= _SEGMENT_BYTES:
            yield keys, _joined(parts)
            keys, parts = [], []
    if keys:
        yield keys, _joined(parts)


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
