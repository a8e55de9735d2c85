"""A comparison of two runs as a person reads it."""

from collections.abc import Iterator, Sequence

from pipeline.board import duration
from pipeline.changes import NOT_THERE, Change, told
from pipeline.comparison import Check, Comparison, Difference, Timing
from pipeline.flips import Flips
from pipeline.paragraphs import indented

_SAME = "  the same"
_NUMBER_WIDTH = 10
_MOST_FLIPS = 20


def lines(found: Comparison, *, width: int) -> Iterator[str]:
    """The sections of a comparison; only what differs is told, but of metrics and steps all."""
    yield f"{found.a} ({found.status.before}) → {found.b} ({found.status.after})"
    yield from _changes("settings", found.settings, width)
    yield from _changes("data", found.data, width)
    yield from _changes("code and weights", found.code, width)
    yield from ("", "metrics")
    yield from _numbers(found.metrics)
    yield from ("", "images")
    yield from _flips(found.flips, width)
    yield from ("", "checks")
    yield from _checks(found.checks, width)
    yield from ("", "steps")
    yield from _steps([*found.steps, Timing(found.seconds, None, None)])


def _changes(title: str, found: Sequence[Change], width: int) -> Iterator[str]:
    yield from ("", title)
    both = [change for change in found if change.is_of_both]
    longest = max((len(change.name) for change in both), default=0)
    for change in both:
        arrow = f"{_value(change.before)} → {_value(change.after)}{_less(change)}"
        yield from indented(f"{change.name:<{longest}}  {arrow}", width=width)
    for which in ("before", "after"):
        # Most often what one version of Frostline tells and the other does not.
        only = [
            f"{change.name} {_value(getattr(change, which))}"
            for change in found
            if not change.is_of_both and getattr(change, which) != NOT_THERE
        ]
        if only:
            yield from indented(f"only {which}: {', '.join(only)}", width=width)
    if not found:
        yield _SAME


def _value(value: object) -> str:
    return '""' if value == "" else told(value)


def _less(change: Change) -> str:
    """By how much a count changed."""
    match change:
        case Change(before=int(before), after=int(after)) if not isinstance(before, bool):
            return f"  ({after - before:+d})"
    return ""


def _numbers(found: Sequence[Difference]) -> Iterator[str]:
    longest = max((len(each.name) for each in found), default=0)
    for each in found:
        cells = [_number(each.before), "→", _number(each.after), _number(each.difference, sign="+")]
        yield f"  {each.name:<{longest}}  {_aligned(cells)}"
    if not found:
        yield "  none were judged"


def _flips(found: Flips | None, width: int) -> Iterator[str]:
    """The first images of each kind, and how many there are."""
    if found is None:
        yield "  not told: one of the runs kept no predictions"
        return
    broken, mended = len(found.broken), len(found.mended)
    yield f"  of {found.images:,} judged in both, {broken:,} broken and {mended:,} mended"
    for what, some in (("broken", found.broken), ("mended", found.mended)):
        for flip in some[:_MOST_FLIPS]:
            labels = f"{flip.before} → {flip.after}, is {flip.truth}"
            yield from indented(f"{what}  {flip.path}  {labels}", width=width)
        if more := len(some[_MOST_FLIPS:]):
            yield f"  {more:,} more {what} (--json lists all)"


def _number(value: float | None, *, sign: str = "") -> str:
    if value is None:
        return "-"
    if sign and not value:
        return "="
    is_count = abs(value) > 1 and float(value).is_integer()
    return f"{value:{sign}.{0 if is_count else 4}f}"


def _aligned(cells: Sequence[str]) -> str:
    return " ".join(cell if cell == "→" else cell.rjust(_NUMBER_WIDTH) for cell in cells)


def _checks(found: Sequence[Check], width: int) -> Iterator[str]:
    """Checks that failed in one of the runs or in both; those that passed are counted."""
    failed = [check for check in found if False in (check.before, check.after)]
    for check in failed:
        is_same = check.before == check.after
        after = "FAILED in both" if is_same else f"{_told(check.before)} → {_told(check.after)}"
        yield from indented(f"{check.name}  {after}: {check.sentence}", width=width)
    both = sum(check.before is check.after is True for check in found)
    one = len(found) - len(failed) - both
    counts = ((both, "passed in both"), (one, "passed, in one run only"))
    if counted := "; ".join(f"{count} {what}" for count, what in counts if count):
        yield f"  {counted}"
    if not found:
        yield "  none in either"


def _told(passed: bool | None) -> str:
    return NOT_THERE if passed is None else "passed" if passed else "FAILED"


def _steps(found: Sequence[Timing]) -> Iterator[str]:
    longest = max(len(each.seconds.name) for each in found)
    for each in found:
        seconds = each.seconds
        change = "-" if seconds.difference is None else f"{seconds.difference:+.1f} s"
        cells = [_took(seconds.before, each.before), "→", _took(seconds.after, each.after), change]
        yield f"  {seconds.name:<{longest}}  {' '.join(_padded(cells))}"


def _padded(cells: Sequence[str]) -> list[str]:
    return [cell if cell == "→" else cell.rjust(2 * _NUMBER_WIDTH - 4) for cell in cells]


def _took(seconds: float | None, state: str | None) -> str:
    time = "-" if seconds is None else duration(seconds)
    return time if state in (None, "ran") else f"{state} {time}"
