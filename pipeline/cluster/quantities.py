"""Amounts as Kubernetes writes them, and as the numbers that older Kubeflow servers read."""

_FACTORS = {
    **{unit: 1000.0**power for power, unit in enumerate(["", "K", "M", "G", "T", "P", "E"])},
    **{unit: 1024.0**power for power, unit in enumerate(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], 1)},
    "k": 1000.0,
}
_GIGABYTE = 1e9


def cores(amount: str) -> float:
    """Cores of "2", "0.5" or "500m"."""
    return float(amount[:-1]) / 1000 if amount.endswith("m") else float(amount)


def gigabytes(amount: str) -> float:
    """10^9 bytes of "8Gi", "500M" or a plain number of bytes."""
    number = amount.rstrip("iEGKMPTk")
    return float(number) * _FACTORS[amount[len(number) :]] / _GIGABYTE
