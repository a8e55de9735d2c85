"""What Transform computes: the label vocabulary, and where the base runs live, each image's pixels.

TFX reloads this module, so it holds functions only.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer import features, images


def preprocessing_fn(
    inputs: Mapping[str, tf.Tensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Turn ingested Examples into examples to train on.

    Args:
      inputs: feature name -> string [N, 1]; see `trainer.features`.
      custom_config: `size`, width and height of the pixels; None where features are frozen,
        so that nobody needs pixels.

    Returns:
      the class name and the digest of each image as they came, and `image/pixels` where they are
      wanted (string [N], serialized uint8 [size, size, 3]). Class names are collected in the
      vocabulary asset `labels`; the trainer sorts them, so that a class keeps its index when the
      frequencies change.
    """
    label = tf.squeeze(inputs[features.LABEL], axis=1)
    tft.vocabulary(label, vocab_filename=features.LABEL_VOCABULARY)
    outputs = {features.LABEL: label, features.SHA256: tf.squeeze(inputs[features.SHA256], axis=1)}
    if custom_config["size"] is None:
        return outputs
    encoded = tf.squeeze(inputs[features.ENCODED], axis=1)
    pixels = images.pixels_from_bytes(encoded, int(custom_config["size"]))
    serialized = tf.map_fn(tf.io.serialize_tensor, pixels, fn_output_signature=tf.string)
    return {**outputs, features.PIXELS: serialized}
