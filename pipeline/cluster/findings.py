"""What the static check says."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a compiled file.

    level: an error is certain to fail, or to be dropped without a word; a warning may be fine
    place: the task, the executor or the part of the file
    sentence: what is wrong, and what would be right
    """

    level: Literal["error", "warning"]
    place: str
    sentence: str


def error(place: str, sentence: str) -> Finding:
    """Something that is certain to go wrong."""
    return Finding("error", place, sentence)


def warning(place: str, sentence: str) -> Finding:
    """Something that a compiler cannot know."""
    return Finding("warning", place, sentence)
