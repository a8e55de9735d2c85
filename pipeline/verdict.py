"""The gate that no step judges: whether the base has learned anything."""

from components.gates import Gate
from pipeline.config import Config


def weights_gate(config: Config, *, is_trained: bool) -> Gate:
    """A model whose base has random weights is pushed only where the config says so."""
    passed = is_trained or config.push.untrained
    what = "The base has pretrained weights" if is_trained else "The base has RANDOM weights"
    if is_trained:
        sentence = f"{what}."
    elif passed:
        sentence = f"{what}, which push.untrained allows: for trying the machinery, not for use."
    else:
        sentence = (
            f"{what}, so the model was not pushed; give --weights PATH, or allow it with "
            "--set push.untrained=true."
        )
    return Gate("trained_base", float(is_trained), {"min": 1.0}, passed, sentence)
