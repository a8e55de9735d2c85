"""The one image function: from a file's bytes to the pixels that the network sees.

Ingestion, Transform, training, evaluation and the serving signature all use it, so that a
model is judged and served on exactly the pixels that it was trained on.
"""

import tensorflow as tf

from trainer import first_frame, orientation


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decode one image file, and turn it as its EXIF orientation asks.

    Args:
      encoded: string scalar; the bytes of a JPEG, PNG, GIF (its first frame is taken), BMP
        or WebP file.

    Returns:
      uint8 [height, width, 3], RGB. Grey becomes three equal channels, alpha is dropped,
      CMYK and 16-bit are converted. Upright: EXIF orientations 5 to 8 swap height and width.

    Raises:
      tf.errors.InvalidArgumentError: the bytes are not such an image.
    """
    return upright(unpack(first_frame.only(encoded)), encoded)


def unpack(encoded: tf.Tensor) -> tf.Tensor:
    """The first half of `decode`: the pixels as they are stored, of the largest of all frames."""
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def upright(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """The second half of `decode`: the pixels as a viewer shows them."""
    return orientation.upright(image, orientation.orientation_of(encoded))


def resize(image: tf.Tensor, size: int) -> tf.Tensor:
    """Squeeze an image into a square.

    Args:
      image: uint8 [height, width, 3].
      size: width and height of the result, pixels.

    Returns:
      uint8 [size, size, 3]; bilinear with antialiasing, rounded, so that a stored pixel and
      a served one are the same number.
    """
    # What tf.image.resize gives, to the bit; it goes through a row pixel by pixel, three numbers
    # at a time, and takes half as long again.
    rows = _shrunk(image, size)
    resized = _shrunk(tf.transpose(rows, [1, 0, 2]), size)
    whole = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(tf.transpose(whole, [1, 0, 2]), [size, size, 3])


def _shrunk(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resize one axis, whole rows at a time: [length, width, 3] -> float32 [size, width, 3]."""
    length, width, channels = tf.unstack(tf.shape(image))
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(image, [1, length, 1, width * channels]),
        size=[size, 1],
        scale=tf.stack([size / tf.cast(length, tf.float32), 1.0]),
        translation=[0.0, 0.0],
        kernel_type="triangle",
        antialias=True,
    )
    return tf.reshape(resized, [size, width, channels])


def pixels_from_bytes(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decode and resize a batch of image files: string [N] -> uint8 [N, size, size, 3]."""
    return tf.map_fn(
        lambda one: resize(decode(one), size),
        encoded,
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
    )


def scaling_constants(scaling: str) -> tuple[float, float]:
    """Factor and offset that take pixels in 0..255 to the range that the network is fed."""
    return {"minus_one_to_one": (1 / 127.5, -1.0), "zero_to_one": (1 / 255, 0.0)}[scaling]
