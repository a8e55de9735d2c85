"""The precision that the frozen base computes in."""

import pytest

from trainer import precision, processor
from trainer.processor import Processor
from trainer.settings import ModelSettings

QUICK, SLOW = Processor("tpu"), Processor("cpu")


@pytest.mark.parametrize("setting", ["float32", "bfloat16", "float16"])
def test_precision_that_is_set_is_taken_on_every_processor(setting):
    assert precision.choose(setting, QUICK) == precision.choose(setting, SLOW) == setting


def test_auto_takes_what_the_processor_is_quickest_in():
    assert precision.choose("auto", QUICK) == "bfloat16"
    assert precision.choose("auto", SLOW) == "float32"


def test_default_asks_the_processor_that_is_found(monkeypatch):
    monkeypatch.setattr(processor, "found", lambda: QUICK)
    assert precision.choose(ModelSettings().precision) == "bfloat16"
