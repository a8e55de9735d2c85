"""The pipeline steps that TFX lacks: plain functions on top, a thin adapter below."""

from typing import Any


def __getattr__(name: str) -> Any:
    """An artifact type, as in `components.Quarantine`; TFX is loaded only when one is asked for."""
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components import artifacts

    return getattr(artifacts, name)
