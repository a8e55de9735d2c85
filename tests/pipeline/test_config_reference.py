"""Every setting is told with its docstring and what it accepts."""

from typing import Any

import pytest

from pipeline import config_reference
from pipeline.config import Config


@pytest.fixture(scope="module")
def settings():
    return config_reference.settings()


def leaves(values: Any, path=()):
    if not isinstance(values, dict):
        return {path}
    return {leaf for key, value in values.items() for leaf in leaves(value, (*path, key))}


def test_every_setting_is_there(settings):
    told = {path for path in settings if settings[path].accepts}
    # A table of values is told as one.
    untold = [
        path
        for path in leaves(Config().model_dump())
        if not any(path[:end] in told for end in range(1, len(path) + 1))
    ]
    assert untold == []


def test_setting_is_explained_by_the_string_below_its_field(settings):
    assert settings["push", "untrained"].about == (
        "Push a model whose base has random weights, too."
    )
    assert settings["train", "early_stopping_patience"].about.splitlines()[1] == (
        "The best epoch is kept either way."
    )


def test_setting_without_a_docstring_takes_none_from_its_neighbours(settings):
    assert settings["train", "seed"].about == ""


def test_section_is_explained_by_its_class(settings):
    assert settings[("beam",)] == config_reference.Setting("Where Beam's own work runs.", "")


@pytest.mark.parametrize(
    ("path", "accepts"),
    [
        (("image", "size"), "a whole number, at least 75 and at most 1024"),
        (("model", "dropout"), "a number, at least 0 and below 1"),
        (("model", "thaw_from"), '"none" or text'),
        (("beam", "runner"), '"in_process" or "multi_processing"'),
        (("train", "steps_per_epoch"), '"none" or a whole number, at least 1'),
        (("tune", "head"), '"none" or a list, each "pooled" or "flatten"'),
        (("evaluate", "by_class", "accuracy"), '"none" or a table of min, max'),
        (("push", "untrained"), "true or false"),
        (("kubeflow", "volumes"), "a list, each a table of claim, path"),
        (("kubeflow", "gpu", "node_selector"), "a table, each value text"),
    ],
)
def test_what_a_setting_accepts_is_said_in_words(settings, path, accepts):
    assert settings[path].accepts == accepts
