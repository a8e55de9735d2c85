"""The section `tune`: lists of values, and ranges with two ends."""

import pytest
from pydantic import ValidationError

from trainer.tune_settings import TuneSettings


@pytest.mark.parametrize("key", ["l2", "learning_rate"])
@pytest.mark.parametrize("ends", [[], [0.1], [0.2, 0.1], [0.1, 0.2, 0.3]])
def test_range_has_two_ends_in_order(key, ends):
    with pytest.raises(ValidationError, match="two numbers, the least and the greatest"):
        TuneSettings.model_validate({key: ends})


@pytest.mark.parametrize("key", ["head", "cut", "pooled_blocks", "dropout", "views"])
def test_list_without_a_value_is_refused(key):
    with pytest.raises(ValidationError, match="at least 1 item"):
        TuneSettings.model_validate({key: []})


def test_seed_that_kerastuner_takes_for_none_is_refused():
    with pytest.raises(ValidationError, match="seed"):
        TuneSettings.model_validate({"seed": 0})
