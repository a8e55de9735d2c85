"""Values that a cluster fills in come to lie where the steps look for them."""

import json

import pytest

from pipeline.cluster.bindings import Binding, apply
from trainer.errors import ConfigError

CONFIG = json.dumps({"settings": {"train": {"epochs": 20, "seed": 1}}, "weights": None})


def bound(target, **values):
    """What the values are after `parameter` was bound to a target."""
    dropped = apply([f"parameter={target}"], values)
    return values, dropped


def test_value_is_put_into_the_json_of_a_property():
    values, dropped = bound("config:settings.train.epochs", parameter=3, config=CONFIG)
    assert json.loads(values["config"])["settings"]["train"] == {"epochs": 3, "seed": 1}
    assert "parameter" not in values
    assert not dropped


def test_value_is_put_into_a_list():
    values, _ = bound("splits:0", parameter="test", splits='["eval"]')
    assert values == {"splits": '["test"]'}


def test_value_replaces_a_whole_property():
    values, _ = bound("pointer", parameter="there", pointer="here")
    assert values == {"pointer": "there"}


def test_value_for_the_cache_alone_is_dropped():
    values, dropped = bound("", parameter="digest", other=1)
    assert values == {"other": 1}
    assert dropped == {"parameter": "digest"}


def test_unset_value_is_set():
    values, _ = bound("config:weights", parameter="w.h5", config=CONFIG)
    assert json.loads(values["config"])["weights"] == "w.h5"


@pytest.mark.parametrize(
    "target", ["config:settings.train.epoch", "config:settings.3", "none:x", "config:weights.x"]
)
def test_place_that_is_not_there_is_named(target):
    with pytest.raises(ConfigError, match=f"parameter={target}"):
        bound(target, parameter=3, config=CONFIG)


def test_parameter_that_the_task_lacks_is_named():
    with pytest.raises(ConfigError, match="'parameter'"):
        bound("config:weights", config=CONFIG)


def test_binding_tells_the_pod_what_the_pod_understands():
    binding = Binding("Trainer", "epochs", "epochs", target="config:settings.train.epochs")
    flag, told = binding.arguments
    values = {"epochs": 3, "config": CONFIG}
    apply([told], values)
    assert flag == "--bind"
    assert json.loads(values["config"])["settings"]["train"]["epochs"] == 3
