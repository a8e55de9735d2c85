"""Random changes to training images inside tf.data, as Keras' ImageDataGenerator makes them.

`draw` is its `get_random_transform`, `apply` its `apply_transform` with `fill_mode="nearest"`
(keras/src/legacy/preprocessing/image.py, Keras 3.15); `augment` is both. Two of its habits are
kept because its pictures would differ without them. Its x is the column, yet it draws `tx` from
the *height* shift and `ty` from the *width* shift, so each moves along the other axis. And it
takes half the height as the centre's x and half the width as its y. With square images and
equal shifts, which is what the course uses, neither can be seen.
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from trainer.settings import AugmentSettings

Number = float | tf.Tensor
DEGREE = math.pi / 180


@dataclass(frozen=True)
class Transform:
    """One change to one image; every field is a scalar, and the defaults change nothing.

    It tells each pixel of the result where in the image to read: its place is flipped, then
    zoomed, sheared, shifted and rotated about the centre. So a factor above 1 shows the image
    smaller, and a positive shift moves it to the left or up.
    """

    theta: Number = 0.0
    """Rotation in degrees."""
    tx: Number = 0.0
    """Shift in pixels along the columns."""
    ty: Number = 0.0
    """Shift in pixels along the rows."""
    shear: Number = 0.0
    """Shear angle in degrees."""
    zx: Number = 1.0
    """Factor along the columns."""
    zy: Number = 1.0
    """Factor along the rows."""
    flip: bool | tf.Tensor = False
    """Whether left and right are swapped."""


def augment(pixels: tf.Tensor, settings: AugmentSettings, *, seed: tf.Tensor) -> tf.Tensor:
    """Change one image at random, whether or not `settings.enabled` says so.

    Args:
        pixels: [H, W, 3], uint8 or float32, 0..255.
        settings: the range of each part.
        seed: [2], int32 or int64; the same seed draws the same change.

    Returns:
        [H, W, 3], float32, 0..255.
    """
    size = tf.shape(pixels)
    return apply(pixels, draw(settings, height=size[0], width=size[1], seed=seed))


def draw(
    settings: AugmentSettings, *, height: int | tf.Tensor, width: int | tf.Tensor, seed: tf.Tensor
) -> Transform:
    """Draw a change for an image of `height` x `width` pixels, uniformly from its ranges.

    Args:
        settings: the range of each part.
        height: of the image, in pixels.
        width: of the image, in pixels.
        seed: [2], int32 or int64; the same seed draws the same change.
    """
    unit = tf.unstack(tf.random.stateless_uniform([7], seed=seed))
    theta, tx, ty, shear, zx, zy = (2.0 * u - 1.0 for u in unit[:6])
    return Transform(
        theta=settings.rotation_degrees * theta,
        tx=settings.height_shift * tx * tf.cast(height, tf.float32),
        ty=settings.width_shift * ty * tf.cast(width, tf.float32),
        shear=settings.shear_degrees * shear,
        zx=1.0 + settings.zoom * zx,
        zy=1.0 + settings.zoom * zy,
        flip=tf.logical_and(settings.horizontal_flip, unit[6] < 0.5),
    )


def apply(pixels: tf.Tensor, transform: Transform) -> tf.Tensor:
    """Change one image: bilinear interpolation, edge pixels repeated beyond the edge.

    Args:
        pixels: [H, W, 3], uint8 or float32, 0..255.
        transform: what to change.

    Returns:
        [H, W, 3], float32, 0..255.
    """
    size = tf.shape(pixels)[:2]
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels, tf.float32)[tf.newaxis],
        transforms=_sources(transform, tf.cast(size, tf.float32))[tf.newaxis],
        output_shape=size,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return changed[0]


def _sources(transform: Transform, size: tf.Tensor) -> tf.Tensor:
    """The eight numbers of a projection that tell each result pixel (x, y) where to read.

    This is ImageDataGenerator's product rotation @ shift @ shear @ zoom, multiplied out, about
    its centre; the flip is the same reading with x counted from the right.
    """
    height, width = tf.unstack(size)
    turn = DEGREE * transform.theta
    lean = turn + DEGREE * transform.shear
    cos, sin = tf.cos(turn), tf.sin(turn)
    xx, xy = cos * transform.zx, -tf.sin(lean) * transform.zy
    yx, yy = sin * transform.zx, tf.cos(lean) * transform.zy
    cx, cy = (height - 1.0) / 2.0, (width - 1.0) / 2.0
    x = cx - (xx * cx + xy * cy) + cos * transform.tx - sin * transform.ty
    y = cy - (yx * cx + yy * cy) + sin * transform.tx + cos * transform.ty
    flip = tf.cast(transform.flip, tf.float32)
    side, first = 1.0 - 2.0 * flip, (width - 1.0) * flip
    return tf.stack([xx * side, xy, x + xx * first, yx * side, yy, y + yx * first, 0.0, 0.0])
