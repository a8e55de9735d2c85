"""Amounts of Kubernetes as numbers."""

import pytest

from pipeline.cluster.quantities import cores, gigabytes


@pytest.mark.parametrize(("amount", "number"), [("2", 2.0), ("0.5", 0.5), ("500m", 0.5)])
def test_cores_are_whole_or_thousandths(amount, number):
    assert cores(amount) == number


@pytest.mark.parametrize(
    ("amount", "number"),
    [
        ("1000000000", 1.0),
        ("500M", 0.5),
        ("2G", 2.0),
        ("1000k", 0.001),
        ("1Gi", 1.073741824),
        ("1.5Ti", 1649.267441664),
        ("1024Ki", 0.001048576),
    ],
)
def test_bytes_are_counted_by_thousands_or_by_1024(amount, number):
    assert gigabytes(amount) == pytest.approx(number, rel=1e-12)
