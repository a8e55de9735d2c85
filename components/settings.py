"""The parts of the configuration that ingestion and the freezing of features need."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from trainer.settings import Fraction, Frozen, Positive


class FeatureSettings(Frozen):
    """What is kept of the frozen base's outputs, in `WORK_DIR/features`."""

    keep: Literal["all", "head"] = "all"
    """`all` keeps the map at the cut and the spatial means of every block, so that another head
    needs no forward; `head` keeps what this head reads, which is much less if it is pooled."""
    max_gigabytes: Annotated[float, Field(gt=0)] = 50.0
    """What the folder may grow to; a run that needs more ends before it computes any."""


class IngestionSettings(Frozen):
    """Splits, limits and shards. An image beyond a limit is set aside."""

    eval_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share set aside for validation, where the data name no splits."""
    test_fraction: Fraction = 0.0
    """Share set aside for a third split, `test`, which then is what the Evaluator judges."""
    group_pattern: str | None = None
    """Regular expression with one group, searched for in a file's path below its class folder:
    all images with the same group land in one split. `^(cat\\d+)_` for `cat12_3.jpg`."""
    min_images_per_class: Positive = 2
    """Images that every class needs in every split."""
    max_file_bytes: Positive = 50_000_000
    """A larger file is set aside unread."""
    max_pixels: Positive = 100_000_000
    """An image that claims more (width x height) is set aside undecoded."""
    min_size_pixels: Positive = 16
    """An image whose shorter side is smaller is set aside."""
    max_aspect: Annotated[float, Field(ge=1)] = 20.0
    """An image whose longer side is more than this many times its shorter side is set aside."""
    shards: Positive = 4
    """TFRecord files a split, and span."""

    @field_validator("group_pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"needs one group in parentheses and has {groups}")
        return pattern

    @model_validator(mode="after")
    def _leaves_images_to_train_on(self) -> "IngestionSettings":
        if self.eval_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"eval_fraction {self.eval_fraction:g} and test_fraction {self.test_fraction:g} "
                "leave nothing to train on: together they should be less than 1"
            )
        return self
