"""Numbers keep the digits that matter, and never round away what matters."""

import pytest

from pipeline.report import numerals


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.997, "0.9970"),
        (1.0, "1.0000"),
        (0.0093844, "0.00938"),
        (0.0001, "0.000100"),
        (0.0000765, "7.65e-05"),
        (0.0, "0.0000"),
        (-0.05, "-0.0500"),
        (1234.5678, "1,234.6"),
        (3000, "3,000"),
        (None, numerals.NONE),
        (float("nan"), numerals.NONE),
        (float("inf"), numerals.NONE),
    ],
)
def test_metric_keeps_the_digits_that_matter(value, shown):
    assert numerals.metric(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.25, "0.25"),
        (150, "150"),
        (25000, "25k"),
        (2_500_000, "2.5M"),
        (0.30000000000000004, "0.3"),
    ],
)
def test_tick_is_short(value, shown):
    assert numerals.tick(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.4, "0.400"), (1.3, "1.30"), (22140.2, "22,140")])
def test_size_has_three_digits_or_is_whole(value, shown):
    assert numerals.size(value) == shown
