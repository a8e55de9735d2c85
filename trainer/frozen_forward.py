"""The folded base in batches of one size: one graph, and what each image gives as arrays."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from trainer import processor
from trainer.folded import FoldedBase

POOLED, MAP = "pooled", "map"
_LARGEST_FLOAT16 = 65504.0


class Forward:
    """Pixels to the arrays that a store keeps.

    Args:
      base: what runs.
      size: width and height of the images.
      arrays: which are wanted: `pooled`, float32 [N, columns]; `map`, float16 [N, h, w, c].
      batch_size: images at once; smaller batches are filled up. None takes what suits the device.
    """

    def __init__(
        self,
        base: FoldedBase,
        *,
        size: int,
        arrays: Sequence[str],
        batch_size: int | None = None,
    ) -> None:
        self.batch_size = batch_size or processor.found().batch_size(size)
        self._base = base
        self._arrays = tuple(arrays)
        pixels = tf.TensorSpec([self.batch_size, size, size, 3], tf.uint8)
        self._run = tf.function(self._outputs).get_concrete_function(pixels)

    @property
    def row_bytes(self) -> int:
        """Bytes of what one image gives."""
        outputs = self._run.structured_outputs.values()
        return sum(int(np.prod(each.shape[1:])) * each.dtype.size for each in outputs)

    def __call__(self, pixels: tf.Tensor) -> dict[str, np.ndarray]:
        """Run uint8 [N, size, size, 3], N up to the batch size; name -> [N, ...]."""
        count = len(pixels)
        missing = self.batch_size - count
        full = tf.pad(pixels, [[0, missing], [0, 0], [0, 0], [0, 0]]) if missing else pixels
        return {name: array.numpy()[:count] for name, array in self._run(full).items()}

    def _outputs(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        features = self._base(pixels)
        # Where bfloat16 goes beyond float16's range, its largest number stands for it.
        limit = _LARGEST_FLOAT16
        clipped = tf.clip_by_value(tf.cast(features.map, tf.float32), -limit, limit)
        found = {POOLED: features.pooled, MAP: tf.cast(clipped, tf.float16)}
        return {name: found[name] for name in self._arrays}
