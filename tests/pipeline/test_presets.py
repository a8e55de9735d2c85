"""What the presets stand for."""

import pytest

from pipeline.config import Config, resolve
from pipeline.presets import PRESETS


def resolved(preset):
    return resolve(preset=preset, file=None, overrides=(), weights=None)


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_is_a_valid_configuration(preset):
    assert isinstance(resolved(preset), Config)


def test_default_preset_is_the_defaults_of_the_settings():
    assert resolved("default") == Config()


def test_course_preset_is_the_recipe_as_the_course_teaches_it():
    config = resolved("course")
    assert (config.image.size, config.image.scaling) == (150, "zero_to_one")
    assert (config.model.cut, config.model.head) == ("mixed7", "flatten")
    assert (config.model.dense_units, config.model.dropout) == (1024, 0.2)
    assert (config.model.normalize, config.model.l2, config.model.calibrate) == (False, 0, False)
    assert config.model.thaw_from is None
    assert (config.train.optimizer, config.train.learning_rate) == ("rmsprop", 1e-4)
    assert config.train.learning_rate_schedule == "constant"
    assert (config.train.batch_size, config.train.epochs) == (20, 100)
    assert (config.train.steps_per_epoch, config.train.validation_steps) == (100, 50)
    assert (config.train.base, config.train.early_stopping_patience) == ("live", 0)


def test_course_preset_augments_as_the_course_does():
    assert resolved("course").augment.model_dump() == {
        "enabled": True,
        "views": 0,
        "rotation_degrees": 40.0,
        "width_shift": 0.2,
        "height_shift": 0.2,
        "shear_degrees": 0.2,
        "zoom": 0.2,
        "horizontal_flip": True,
    }


def test_sample_preset_pushes_an_untrained_model_over_a_bar_of_its_own():
    config = resolved("sample")
    assert config.push.untrained
    bar = config.evaluate.thresholds["accuracy"].min
    assert bar is not None
    assert bar > 1 / 3 + 0.2  # well above chance in three classes


def test_only_the_sample_pushes_untrained_models():
    assert [name for name in PRESETS if resolved(name).push.untrained] == ["sample"]
