"""What a model must reach: a section of the configuration, which the Evaluator gets as JSON."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from trainer.settings import Frozen, Positive

Metric = Literal["accuracy", "auc", "precision", "recall", "log_loss", "expected_calibration_error"]
METRICS: tuple[Metric, ...] = get_args(Metric)
LOWER_IS_BETTER = frozenset({"log_loss", "expected_calibration_error"})
_SHARES = frozenset({"accuracy", "auc", "precision", "recall"})

Worsening = Annotated[float, Field(ge=0)] | None


class Bound(Frozen):
    """What a metric may be, ends included; at least one end is set."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> "Bound":
        if self.min is None and self.max is None:
            raise ValueError("needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no model could pass")
        return self

    def limits(self) -> dict[str, float]:
        """The ends that are set."""
        return {end: limit for end, limit in self.model_dump().items() if limit is not None}

    def holds(self, value: float) -> bool:
        """Whether a value is within; NaN never is."""
        above = self.min is None or value >= self.min
        below = self.max is None or value <= self.max
        return above and below


def _refuses_bad_models(metric: Metric, bound: Bound) -> None:
    if metric in _SHARES and not (bound.min is not None and 0 < bound.min <= 1):
        raise ValueError(f"{metric} needs a min above 0 and up to 1, or it refuses no bad model")
    if metric == "log_loss" and not (bound.max is not None and bound.max > 0):
        raise ValueError("log_loss needs a max above 0, or it refuses no bad model")
    if metric == "expected_calibration_error" and not (bound.max is not None and 0 < bound.max < 1):
        raise ValueError(
            "expected_calibration_error needs a max between 0 and 1, or it refuses no bad model"
        )


class SliceBounds(Frozen):
    """Bounds on each slice by itself. A slice of one class has no AUC and no precision."""

    accuracy: Bound | None = None
    log_loss: Bound | None = None
    expected_calibration_error: Bound | None = None

    @model_validator(mode="after")
    def _can_refuse(self) -> "SliceBounds":
        for metric, bound in self.bounds().items():
            _refuses_bad_models(metric, bound)
        return self

    def bounds(self) -> dict[Metric, Bound]:
        """Metric -> bound, of those that are set."""
        found: dict[Metric, Bound | None] = {
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "expected_calibration_error": self.expected_calibration_error,
        }
        return {metric: bound for metric, bound in found.items() if bound is not None}


class MaxWorsening(Frozen):
    """How much worse than the latest blessed model's a metric may be, on the same data."""

    accuracy: Worsening = 0.01
    """A single image is never held against a model: on 50 images, 0.02 worse is accepted."""
    auc: Worsening = None
    precision: Worsening = None
    recall: Worsening = None
    log_loss: Worsening = None
    expected_calibration_error: Worsening = None

    def limits(self) -> dict[Metric, float]:
        """Metric -> by how much it may be worse, of those that are compared."""
        dumped = self.model_dump()
        return {metric: dumped[metric] for metric in METRICS if dumped[metric] is not None}


class EvaluateSettings(Frozen):
    """What a model must reach before it is pushed."""

    thresholds: dict[Metric, Bound] = Field(default={"accuracy": Bound(min=0.8)})
    """On all judged images. Precision, recall and AUC are means over the classes, each against the
    rest."""
    by_class: SliceBounds = SliceBounds(accuracy=Bound(min=0.5))
    """On the images of each class."""
    by_format: SliceBounds = SliceBounds()
    by_brightness: SliceBounds = SliceBounds()
    by_sharpness: SliceBounds = SliceBounds()
    by_size: SliceBounds = SliceBounds()
    by_group: SliceBounds = SliceBounds()
    """On the images of each group that has enough of them; see `data.group_pattern`."""
    min_images_per_slice: Positive = 30
    """Slices of fewer images are told of, and refuse nothing."""
    max_worsening: MaxWorsening = MaxWorsening()

    @field_validator("thresholds", mode="before")
    @classmethod
    def _without_unset(cls, thresholds: Any) -> Any:
        if not isinstance(thresholds, dict):
            return thresholds
        return {metric: bound for metric, bound in thresholds.items() if bound is not None}

    @field_validator("thresholds")
    @classmethod
    def _can_refuse(cls, thresholds: dict[Metric, Bound]) -> dict[Metric, Bound]:
        if not thresholds:
            raise ValueError(
                "has no threshold, and a model that nothing can refuse is not gated: "
                f"bound at least one of {', '.join(METRICS)}"
            )
        for metric, bound in thresholds.items():
            _refuses_bad_models(metric, bound)
        return thresholds
