"""The views of an image whose features are frozen: as it is, mirrored, and changed at random.

A view has a name that says all that makes it, so that features are found again by (image, view).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from trainer import augment
from trainer.settings import AugmentSettings, TrainerSettings

_PLAIN, _MIRROR, _AUGMENTED = range(3)


@dataclass(frozen=True)
class View:
    """One way to look at any image.

    name: the same for views that look the same
    kind: what is done to the image
    """

    name: str
    kind: int

    @property
    def is_augmented(self) -> bool:
        """Whether it is changed at random."""
        return self.kind == _AUGMENTED

    def seed(self, sha256: str) -> tuple[int, int]:
        """What the random changes to one image are drawn from."""
        digest = hashlib.sha256(f"{sha256}/{self.name}".encode()).digest()
        halves = (digest[:8], digest[8:16])
        first, second = (int.from_bytes(half, "little", signed=True) for half in halves)
        return first, second


PLAIN = View("plain", _PLAIN)
MIRROR = View("mirror", _MIRROR)


def of_training(settings: TrainerSettings) -> tuple[View, ...]:
    """The views of a training image. Those of more augmented views begin with those of fewer."""
    views = [PLAIN]
    if settings.train.mirror or settings.model.both_sides:
        views.append(MIRROR)
    return (*views, *_augmented(settings))


def of_evaluation(settings: TrainerSettings) -> tuple[View, ...]:
    """The views of a validation image; where there are two, a head is fed their mean."""
    return (PLAIN, MIRROR) if settings.model.both_sides else (PLAIN,)


def _augmented(settings: TrainerSettings) -> list[View]:
    augmentation = settings.augment
    if not augmentation.enabled:
        return []
    ranges = augmentation.model_dump_json(exclude={"enabled", "views"})
    drawn = hashlib.sha256(f"{ranges} {settings.train.seed}".encode()).hexdigest()[:12]
    return [View(f"augmented-{drawn}-{number}", _AUGMENTED) for number in range(augmentation.views)]


def key(sha256: str, view: View) -> str:
    """The name of a row of features."""
    return f"{sha256}/{view.name}"


def look(
    pixels: tf.Tensor, kinds: tf.Tensor, seeds: tf.Tensor, augmentation: AugmentSettings
) -> tf.Tensor:
    """Some views of one image.

    Args:
        pixels: uint8 [size, size, 3].
        kinds: int64 [V], the kind of each view.
        seeds: int64 [V, 2], what each is drawn from.
        augmentation: the range of each random change.

    Returns:
        uint8 [V, size, size, 3]; changed pixels are rounded.
    """

    def view(kind_and_seed: Sequence[tf.Tensor]) -> tf.Tensor:
        kind, seed = kind_and_seed
        looks = {
            _PLAIN: lambda: pixels,
            _MIRROR: lambda: tf.image.flip_left_right(pixels),
            _AUGMENTED: lambda: _changed(pixels, augmentation, seed),
        }
        return tf.switch_case(tf.cast(kind, tf.int32), looks)

    signature = tf.TensorSpec(pixels.shape, tf.uint8)
    return tf.map_fn(view, (kinds, seeds), fn_output_signature=signature)


def _changed(pixels: tf.Tensor, augmentation: AugmentSettings, seed: tf.Tensor) -> tf.Tensor:
    changed = augment.augment(pixels, augmentation, seed=seed)
    return tf.cast(tf.clip_by_value(tf.round(changed), 0, 255), tf.uint8)
