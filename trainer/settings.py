"""The trainer's part of the configuration: frozen, typed, validated where it is made.

The defaults are the `default` preset. `pipeline.config` puts these sections beside its own;
the Trainer step receives them as JSON and builds the same objects again.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """A section of the configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class ImageSettings(Frozen):
    """How bytes become the pixels that the network sees."""

    size: Annotated[int, Field(ge=75, le=1024)] = 299
    """Width and height in pixels; Inception V3 takes 75 or more."""
    scaling: Literal["minus_one_to_one", "zero_to_one"] = "minus_one_to_one"
    """Range of the pixels: x/127.5-1 as Inception V3 was trained, or the course's x/255."""


class ModelSettings(Frozen):
    """The frozen base and the head on top of it."""

    weights: str = "auto"
    """`auto`, a path to an Inception V3 `notop` HDF5 file, or `random`."""
    cut: str = "mixed8"
    """The base's layer whose output feeds the head."""
    head: Literal["pooled", "flatten"] = "pooled"
    """What happens to the cut's feature map: global average, or the whole map flattened."""
    pooled_blocks: Annotated[int, Field(ge=1, le=11)] = 2
    """With `pooled`: so many blocks are averaged side by side, the cut and the ones below it."""
    both_sides: bool = False
    """With `pooled`: score the mean features of an image and its mirror image. It takes twice the
    forwards, and pays where images are smaller than 299 pixels."""
    normalize: bool = True
    """Centre the features, and divide those of a block by their common standard deviation."""
    dense_units: Annotated[int, Field(ge=0)] = 0
    """Units of a hidden relu layer; 0 leaves it out."""
    dropout: Fraction = 0.0
    """Share of the inputs of the last layer that is dropped in training; 0 turns it off."""
    l2: Annotated[float, Field(ge=0)] = 0.1
    """Penalty on the squared weights of the last layer, shared out among the classes."""
    calibrate: bool = True
    """Fit a temperature, and for two classes a threshold, on the validation images."""
    thaw_from: str | None = None
    """Train the base's layers from this one up to the cut; batch norm stays frozen."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What the frozen base computes in; `auto` takes what the device is quickest in, and float32
    for a base that runs live."""


class AugmentSettings(Frozen):
    """Random changes to training images, with ImageDataGenerator's meaning of each number."""

    enabled: bool = False
    """With `train.base = "live"`, change each image anew at every epoch; with `cached`, see
    `views`."""
    views: Annotated[int, Field(ge=0, le=1000)] = 0
    """With `cached`: changed views of each training image whose features are computed, once."""
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 40.0
    width_shift: Fraction = 0.2
    """Share of the width."""
    height_shift: Fraction = 0.2
    """Share of the height."""
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] = 0.2
    """Degrees, as in ImageDataGenerator: the course's 0.2 is a fifth of one degree."""
    zoom: Fraction = 0.2
    """Each axis is scaled by a factor in 1-zoom..1+zoom."""
    horizontal_flip: bool = True


class TrainSettings(Frozen):
    """How the head (and any thawed layer) is fitted."""

    base: Literal["cached", "live"] = "cached"
    """`cached` runs the frozen base once an image; `live` runs it at every step."""
    mirror: bool = True
    """With `cached`: train on each image and on its mirror image."""
    epochs: Positive = 20
    batch_size: Positive = 64
    """Global batch size: shared out among the devices."""
    steps_per_epoch: Positive | None = None
    """Training steps an epoch; unset, every image once."""
    validation_steps: Positive | None = None
    """Validation steps an epoch; unset, every image once."""
    optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    learning_rate_schedule: Literal["constant", "cosine"] = "cosine"
    """`cosine` lets the learning rate fall to nearly nothing in the last epoch."""
    thaw_learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """Learning rate of the thawed layers."""
    early_stopping_patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a lower validation loss before training stops; 0 never stops early.
    The best epoch is kept either way."""
    seed: Annotated[int, Field(ge=0)] = 1
    strategy: Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"] = "auto"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"


class TrainerSettings(Frozen):
    """All that the Trainer step needs to know."""

    image: ImageSettings = ImageSettings()
    model: ModelSettings = ModelSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _cached_base_has_views_to_augment(self) -> "TrainerSettings":
        if self.train.base == "cached" and self.augment.enabled and not self.augment.views:
            raise ValueError(
                "augment.enabled with a cached base needs changed views of each image: set "
                'augment.views, to 8 for example, or train.base = "live" to change images at '
                "every step"
            )
        return self

    @model_validator(mode="after")
    def _both_sides_are_pooled_features(self) -> "TrainerSettings":
        is_pooled = self.model.head == "pooled" and self.model.thaw_from is None
        if self.model.both_sides and not (is_pooled and self.train.base == "cached"):
            raise ValueError(
                "model.both_sides needs the frozen features of a pooled head: set "
                'model.head = "pooled" and train.base = "cached", and no model.thaw_from'
            )
        return self
