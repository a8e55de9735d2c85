"""Progress of a long step, sent through standard logging so that any front end can show it.

A record of the logger `frostline.progress` carries a `Progress` in its attribute `progress`.
"""

import logging
from dataclasses import dataclass

LOGGER = logging.getLogger("frostline.progress")


@dataclass(frozen=True)
class Progress:
    """How far a step has come: `done` of `total` (None where unknown) `unit`s, and a remark."""

    done: int
    total: int | None
    unit: str
    remark: str = ""


def report(progress: Progress) -> None:
    """Tell whoever listens how far the running step has come."""
    of_total = "" if progress.total is None else f"/{progress.total}"
    LOGGER.info(
        "%d%s %s %s",
        progress.done,
        of_total,
        progress.unit,
        progress.remark,
        extra={"progress": progress},
    )
