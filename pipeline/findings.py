"""What an examination finds: lines that are fine, a warning or a failure, each with its cure."""

import textwrap
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
_NAME_WIDTH = 15


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    state: `fail` where a run would not work, `warn` where it would work worse than it could
    found: what is the case
    fix: what to do; empty where nothing needs to be done
    """

    name: str
    state: State
    found: str
    fix: str = ""


def lines(finding: Finding, *, width: int) -> list[str]:
    """The finding as a person reads it, its cure below."""
    start = f"{finding.state:<6}{finding.name:<{_NAME_WIDTH}}"
    texts = [finding.found, *([f"fix: {finding.fix}"] if finding.fix else [])]
    wrapped = [
        line
        for text in texts
        for line in textwrap.wrap(
            text, max(width - len(start), 40), break_long_words=False, break_on_hyphens=False
        )
    ]
    return [
        f"{start if place == 0 else ' ' * len(start)}{line}" for place, line in enumerate(wrapped)
    ]
