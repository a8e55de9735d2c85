"""What is different in two tables of values, such as the settings of two runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOT_THERE = "(not there)"
OPTIONAL_SETTINGS = {"evaluate.thresholds.": None}
"""Of settings, what is optional: a metric without a threshold is not there."""


@dataclass(frozen=True)
class Change:
    """A value that is not the same.

    name: the dotted path to it
    before: `NOT_THERE` where only the later table has it
    after: `NOT_THERE` where only the earlier table has it
    """

    name: str
    before: Any
    after: Any

    @property
    def is_of_both(self) -> bool:
        """Whether both tables know the value's name."""
        return NOT_THERE not in (self.before, self.after)

    def __str__(self) -> str:
        return f"{self.name} {told(self.before)} → {told(self.after)}"


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], *, optional: Mapping[str, Any] = {}
) -> list[Change]:
    """What differs, in the order of `after`; tables in tables are compared value by value.

    Args:
      optional: beginnings of names that come and go -> what one counts as that is not there.
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    found = []
    for name in [*new, *(name for name in old if name not in new)]:
        missing = [value for start, value in optional.items() if name.startswith(start)]
        default = missing[0] if missing else NOT_THERE
        change = Change(name, old.get(name, default), new.get(name, default))
        if change.before != change.after:
            found.append(change)
    return found


def told(value: Any) -> str:
    """A value as a person writes it in a setting."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
    return str(value)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
