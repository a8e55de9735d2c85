"""Where values lie along an axis, and the round numbers that stand at it."""

import math
from dataclasses import dataclass

_NICE = (1, 2, 2.5, 5, 10)
_TICKS = 5


@dataclass(frozen=True)
class Scale:
    """Values low..high to places start..end."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value lies."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 2)


def nice(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Round numbers within low..high, up to about `count` of them."""
    if high <= low:
        return [low]
    step = _step(low, high, count)
    return _multiples(step, math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9))


def around(low: float, high: float) -> list[float]:
    """Round numbers, the first no higher than `low` and the last no lower than `high`."""
    if high <= low:
        return [low]
    step = _step(low, high, _TICKS - 1)
    return _multiples(step, math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9))


def _step(low: float, high: float, count: int) -> float:
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(each * power for each in _NICE if each * power >= rough * 0.999)


def _multiples(step: float, first: int, last: int) -> list[float]:
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within low..high."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rounds = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    within = [each for each in rounds if low <= each <= high]
    tens = [each for each in within if f"{each:e}".startswith("1")]
    return tens if len(within) > 2 * _TICKS else within
