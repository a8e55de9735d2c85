"""The section `tune` of the configuration: what is searched for better settings, and how long."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from trainer.settings import Fraction, Frozen, Positive

Choices = Field(default=None, min_length=1)


class TuneSettings(Frozen):
    """The search for settings of a head. Each trial trains one on frozen features.

    An unset list is searched around the settings as they are; a list of one value fixes it.
    """

    enabled: bool = False
    """Search before training, and train with the best values that are found."""
    trials: Positive = 20
    """How many; the first is the settings as they are."""
    algorithm: Literal["random", "bayesian"] = "random"
    """KerasTuner's RandomSearch or BayesianOptimization."""
    objective: Literal["val_loss", "val_accuracy"] = "val_loss"
    """What the best trial is best in, on the training images that are held out."""
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of each class's training images that trials are judged on and not trained on."""
    seed: Positive = 1
    """The same seed draws the same trials."""
    head: Annotated[list[Literal["pooled", "flatten"]] | None, Choices] = None
    """Values of `model.head`."""
    cut: Annotated[list[str] | None, Choices] = None
    """Values of `model.cut`: blocks up to the one that is set there."""
    pooled_blocks: Annotated[list[Positive] | None, Choices] = None
    """Values of `model.pooled_blocks`."""
    dense_units: Annotated[list[Annotated[int, Field(ge=0)]] | None, Choices] = None
    """Values of `model.dense_units`."""
    dropout: Annotated[list[Fraction] | None, Choices] = None
    """Values of `model.dropout`."""
    l2: list[Annotated[float, Field(gt=0)]] | None = None
    """The least and the greatest `model.l2`, the weight decay; drawn on a logarithmic scale."""
    learning_rate: list[Annotated[float, Field(gt=0)]] | None = None
    """The least and the greatest `train.learning_rate`; drawn on a logarithmic scale."""
    views: Annotated[list[Positive] | None, Choices] = None
    """Values of `augment.views`, up to the one that is set there."""

    @field_validator("l2", "learning_rate")
    @classmethod
    def _is_a_range(cls, ends: list[float] | None) -> list[float] | None:
        if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
            raise ValueError("should be two numbers, the least and the greatest: [0.001, 0.1]")
        return ends
