"""The settings of ingestion, where the bounds of single values are not enough."""

import pytest
from pydantic import ValidationError

from components.settings import IngestionSettings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"eval_fraction": 0.5, "test_fraction": 0.5}, "leave nothing to train on"),
        ({"group_pattern": "(cat"}, "is no regular expression"),
        ({"group_pattern": "cat"}, "needs one group in parentheses and has 0"),
        ({"group_pattern": "(c)(a)t"}, "needs one group in parentheses and has 2"),
        ({"max_aspect": 0.5}, "greater than or equal to 1"),
    ],
)
def test_setting_that_cannot_work_is_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        IngestionSettings(**settings)


def test_settings_survive_being_written_as_json():
    settings = IngestionSettings(group_pattern=r"^(cat\d+)_", test_fraction=0.1)
    assert IngestionSettings.model_validate_json(settings.model_dump_json()) == settings
