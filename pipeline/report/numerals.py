"""Numbers as a person reads them."""

import math

NONE = "\N{EN DASH}"


def metric(value: float | None) -> str:
    """Four decimals from 0.1 on, three significant digits below: `0.9970`, `0.00938`, `7.65e-05`.

    Counts stay whole; what is missing or no number is a dash.
    """
    if value is None or not math.isfinite(value):
        return NONE
    if isinstance(value, int):
        return count(value)
    size = abs(value)
    if value == 0 or size >= 0.1:
        return f"{value:,.4f}" if size < 100 else f"{value:,.1f}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}" if size >= 1e-4 else f"{value:.2e}"


def count(value: float | None) -> str:
    """A whole number with thousands apart: `3,000`."""
    return NONE if value is None or not math.isfinite(value) else f"{value:,.0f}"


def tick(value: float) -> str:
    """What stands at an axis: no more digits than tell it from its neighbours."""
    size = abs(value)
    if size >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    if size >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}"


def size(value: float | None) -> str:
    """A property of images: three significant digits, or a whole number."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
