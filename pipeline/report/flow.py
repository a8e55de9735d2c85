"""The steps of a run as rows: which feeds which, and how long each took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.steps import Step

ROW = 40  # pixels, as in style.css
_RAIL = 36  # x of the dots
_REACH = 30  # how far the widest arc goes to the left of them


@dataclass(frozen=True)
class Row:
    """A step: its dot on the rail, and its bar in percent of all steps' time."""

    step: Step
    feeds_on: Sequence[str]
    y: float
    start: float
    length: float

    @property
    def has_begun(self) -> bool:
        """Whether there is a time to show."""
        return self.step.state not in ("waiting", "skipped")


@dataclass(frozen=True)
class Flow:
    """The rows, and the edges between their dots as SVG paths."""

    rows: Sequence[Row]
    edges: Sequence[str]
    x: float = _RAIL

    @property
    def height(self) -> int:
        """Of all rows, in pixels."""
        return ROW * len(self.rows)


def of(steps: Sequence[Step]) -> Flow:
    """Lay the steps out, in the order in which they run."""
    direct = _direct(steps)
    total = sum(step.seconds for step in steps) or 1
    rows, begun = [], 0.0
    for number, step in enumerate(steps):
        share, start = 100 * step.seconds / total, 100 * begun / total
        rows.append(Row(step, direct[number], ROW * (number + 0.5), start, share))
        begun += step.seconds
    return Flow(rows, list(_edges(rows)))


def _direct(steps: Sequence[Step]) -> list[list[str]]:
    """What each step is fed by, less what reaches it through another step as well."""
    upstream = {step.name: [*step.upstream] for step in steps}
    if not any(upstream.values()):  # Runs of earlier versions kept the order only.
        names = [step.name for step in steps]
        return [names[max(number - 1, 0) : number] for number in range(len(names))]
    before: dict[str, set[str]] = {}
    for name, fed_by in upstream.items():
        before[name] = set(fed_by).union(*(before.get(each, set()) for each in fed_by))
    return [
        [each for each in fed_by if not any(each in before.get(other, ()) for other in fed_by)]
        for fed_by in upstream.values()
    ]


def _edges(rows: Sequence[Row]) -> Iterator[str]:
    places = {row.step.name: number for number, row in enumerate(rows)}
    for number, row in enumerate(rows):
        for source in row.feeds_on:
            if source in places:
                yield _edge(rows[places[source]].y, row.y, apart=number - places[source])


def _edge(start: float, end: float, *, apart: int) -> str:
    if apart == 1:
        return f"M{_RAIL},{start:g} V{end:g}"
    bent = _RAIL - min(_REACH, 10 + 8 * apart)
    return (
        f"M{_RAIL},{start:g} C{bent},{start + ROW / 2:g} {bent},{end - ROW / 2:g} {_RAIL},{end:g}"
    )
