"""Bounds that refuse no bad model are refused themselves."""

import pytest
from pydantic import ValidationError

from components.evaluate_settings import Bound, EvaluateSettings, MaxWorsening, SliceBounds


def test_by_default_no_class_may_be_worse_than_a_coin_and_no_model_much_worse_than_the_last():
    settings = EvaluateSettings()
    assert settings.by_class.bounds() == {"accuracy": Bound(min=0.5)}
    assert settings.by_brightness.bounds() == {}
    assert settings.max_worsening.limits() == {"accuracy": 0.01}


@pytest.mark.parametrize("metric", ["accuracy", "auc", "precision", "recall"])
@pytest.mark.parametrize("bound", [{"max": 0.9}, {"min": 0.0}, {"min": 80.0}])
def test_share_needs_a_min_that_can_be_reached(metric, bound):
    with pytest.raises(ValidationError, match=f"{metric} needs a min above 0 and up to 1"):
        EvaluateSettings.model_validate({"thresholds": {metric: bound}})


def test_bound_on_slices_must_be_able_to_refuse_too():
    with pytest.raises(ValidationError, match="log_loss needs a max"):
        SliceBounds.model_validate({"log_loss": {"min": 0.1}})


def test_negative_worsening_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        MaxWorsening(log_loss=-0.1)


@pytest.mark.parametrize(
    ("value", "holds"),
    [(0.1, True), (0.5, True), (0.09, False), (0.6, False), (float("nan"), False)],
)
def test_bound_holds_its_ends_and_never_a_value_that_is_none(value, holds):
    assert Bound(min=0.1, max=0.5).holds(value) is holds
