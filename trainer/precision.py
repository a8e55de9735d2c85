"""What the frozen base computes in: chosen by config, or what the processor is quickest in."""

from typing import Literal

from trainer import processor as processors
from trainer.processor import Precision, Processor

Setting = Literal["auto", "float32", "bfloat16", "float16"]


def choose(setting: Setting, processor: Processor | None = None) -> Precision:
    """The precision that `model.precision` asks for.

    Args:
        setting: `auto` asks the processor.
        processor: what the base will run on; None looks for it.
    """
    if setting != "auto":
        return setting
    return (processor or processors.found()).precision
