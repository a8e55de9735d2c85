"""The gates that a model must pass: each a check with value, bound, verdict and a sentence."""

from collections.abc import Collection, Mapping

from components.gates import Gate
from pipeline.config import Bound, Config


def judge(config: Config, evaluation: Mapping[str, float]) -> list[Gate]:
    """Hold each metric that has a threshold against it.

    Args:
      evaluation: metric -> value, of the whole judged split.
    """
    return [
        _gate(metric, evaluation.get(metric), bound)
        for metric, bound in config.evaluate.thresholds.items()
    ]


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


def _gate(metric: str, value: float | None, bound: Bound) -> Gate:
    word = metric.replace("_", " ").capitalize()
    limits = {name: limit for name, limit in bound.model_dump().items() if limit is not None}
    wanted = " and ".join(
        f"at {'least' if name == 'min' else 'most'} {limit:g}" for name, limit in limits.items()
    )
    if value is None:
        return Gate(
            metric, None, limits, False, f"{word} could not be computed; it must be {wanted}."
        )
    passed = _is_within(value, bound)
    relation = "is" if passed else "is not"
    measured = _decimal(value, limits.values())
    return Gate(metric, value, limits, passed, f"{word} {measured} {relation} {wanted}.")


def _decimal(value: float, limits: Collection[float]) -> str:
    """Four decimals, or all where rounding would carry the value to a limit or across it."""
    rounded = f"{value:.4f}"
    is_true = all(_order(float(rounded), limit) == _order(value, limit) for limit in limits)
    return rounded if is_true else f"{value:.12g}"


def _order(value: float, limit: float) -> tuple[bool, bool]:
    return value < limit, value > limit


def _is_within(value: float, bound: Bound) -> bool:
    above = bound.min is None or value >= bound.min
    below = bound.max is None or value <= bound.max
    return above and below
