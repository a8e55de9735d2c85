"""The images of a request: one that cannot be read does not fail the others.

An operation that raises fails its whole graph. Only tf.data goes on after an error, so the one
operation that decodes runs in a data set of its own for each image. TF Serving has these
operations, too, as it has all of TensorFlow's.
"""

import functools

import tensorflow as tf

from trainer import claims, first_frame, images, octets


def read(encoded: tf.Tensor, *, size: int, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode and resize image files as far as they can be read.

    Args:
      encoded: string [N]; any bytes.
      size: width and height of the results, pixels.
      max_pixels: an image that claims more is refused before it is decoded.

    Returns:
      pixels: uint8 [N, size, size, 3]: those of `images.pixels_from_bytes`, or black.
      errors: string [N]; why an image cannot be read, or empty.
    """
    pixels, is_whole, claimed = tf.map_fn(
        lambda one: _read_one(one, size, max_pixels),
        encoded,
        fn_output_signature=(
            tf.TensorSpec([size, size, 3], tf.uint8),
            tf.TensorSpec([], tf.bool),
            tf.TensorSpec([2], tf.int64),
        ),
    )
    is_fine = is_whole & _fits(claimed, max_pixels)
    errors = tf.cond(
        tf.reduce_all(is_fine),
        lambda: tf.fill(tf.shape(encoded), ""),
        lambda: _errors(encoded, is_fine, claimed, max_pixels),
    )
    return pixels, errors


def _read_one(
    encoded: tf.Tensor, size: int, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Pixels, whether they are the file's, and the claimed int64 [height, width]."""
    encoded = first_frame.only(encoded)
    is_jpeg = claims.is_jpeg(encoded)
    claimed = tf.cond(is_jpeg, lambda: tf.zeros(2, tf.int64), lambda: claims.size(encoded))
    harmless = tf.where(_fits(claimed, max_pixels), encoded, _placeholder())
    image, is_whole, claimed_by_jpeg = _attempt(harmless, is_jpeg, max_pixels)
    pixels = images.resize(images.upright(image, harmless), size)
    return pixels, is_whole, tf.where(is_jpeg, claimed_by_jpeg, claimed)


def _attempt(
    encoded: tf.Tensor, is_jpeg: tf.Tensor, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`images.unpack`, or one black pixel; whether that worked; what a JPEG claims."""
    placeholder = _placeholder()
    files = tf.stack([encoded, placeholder])
    jpegs = tf.stack([tf.where(is_jpeg, encoded, placeholder), placeholder])

    # TensorFlow prepares this function at each request: it is as small as can be.
    def unpack(
        is_first: tf.Tensor, file: tf.Tensor, jpeg: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        claimed = tf.io.extract_jpeg_shape(jpeg, tf.int64)[:2]
        harmless = tf.where(_fits(claimed, max_pixels), file, placeholder)
        return images.unpack(harmless), is_first, claimed

    found = tf.data.Dataset.from_tensor_slices(([True, False], files, jpegs)).map(unpack)
    first = found.ignore_errors().take(1).with_options(_without_tuning())
    return first.get_single_element()


def _without_tuning() -> tf.data.Options:
    """What tf.data does to be quick over many elements takes longer than one image."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def _fits(claimed: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """int64 [..., 2] -> bool [...]; a side is below 2^32, and no product overflows below 2^31."""
    return tf.reduce_prod(claimed, axis=-1) <= max_pixels


@functools.cache
def _placeholder() -> bytes:
    """One black pixel, a JPEG."""
    with tf.init_scope():
        return tf.io.encode_jpeg(tf.zeros([1, 1, 3], tf.uint8)).numpy()


@octets.apart
def _errors(
    encoded: tf.Tensor, is_fine: tf.Tensor, claimed: tf.Tensor, max_pixels: int
) -> tf.Tensor:
    kinds = claims.kinds(encoded)
    height, width = tf.unstack(tf.strings.as_string(claimed), axis=1)
    claim = tf.strings.join(["claims ", width, "x", height, f" pixels, more than {max_pixels}"])
    damaged = tf.strings.join(["damaged, truncated or unsupported ", kinds])
    error = tf.where(_fits(claimed, max_pixels), damaged, claim)
    error = tf.where(kinds == "", "not a JPEG, PNG, GIF, BMP or WebP file", error)
    error = tf.where(encoded == "", "the file has no bytes", error)
    return tf.where(is_fine, "", error)
