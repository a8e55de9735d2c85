"""Settings that differ from the preset are told from those that do not."""

import pytest

from pipeline import config
from pipeline.presets import PRESETS
from pipeline.report import differences


def resolved(preset, *overrides):
    made = config.resolve(preset=preset, file=None, overrides=overrides, weights=None)
    return made.model_dump(mode="json")


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_as_it_is_differs_in_nothing(preset):
    assert not [each for each in differences.settings(resolved(preset), preset) if each.differs]


def test_changed_setting_stands_beside_what_the_preset_says():
    found = differences.settings(resolved("course", "train.epochs=3"), "course")
    assert [(each.key, each.value, each.usual) for each in found if each.differs] == [
        ("train.epochs", 3, 100)
    ]


def test_added_threshold_differs():
    found = differences.settings(
        resolved("default", "evaluate.thresholds.log_loss.max=1.5"), "default"
    )
    assert "evaluate.thresholds.log_loss.max" in [each.key for each in found if each.differs]


def test_preset_of_another_version_differs_in_nothing():
    found = differences.settings({"train": {"epochs": 3}}, "gone")
    assert [(each.key, each.differs) for each in found] == [("train.epochs", False)]


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "none"), (True, "true"), ("mixed7", "mixed7"), ([1, 2], "[1, 2]")]
)
def test_values_are_written_as_set_takes_them(value, shown):
    assert differences.text(value) == shown
