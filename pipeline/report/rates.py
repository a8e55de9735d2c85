"""The ROC and the precision-recall curve as charts, both axes from 0 to 1."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.report import axes, charts, numerals, thresholds
from pipeline.report.axes import Scale
from pipeline.report.charts import Chart, Frame, Mark, Path, Tick
from pipeline.report.thresholds import Choice, Point, Sweep

_FRAME = Frame(width=420, height=300, bottom=44)
_MOST_POINTS = 200
Rates = Callable[[Sweep], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Rated:
    """A chart, what its axes are called, and the name and a number of each of its curves.

    kind: `roc` or `precision-recall`
    """

    kind: str
    chart: Chart
    across: str
    up: str
    curves: Sequence[tuple[str, float]]


def of(sweeps: Sequence[Sweep], choice: Choice | None) -> list[Rated]:
    """Both charts; none where there is nothing to draw.

    Args:
      choice: whose threshold is marked on the curves; None marks none.
    """
    if not sweeps:
        return []
    served = choice and _at(choice.at, choice.sweep)
    areas = [(sweep.name, thresholds.auc(sweep)) for sweep in sweeps]
    precisions = [(sweep.name, thresholds.average_precision(sweep)) for sweep in sweeps]
    roc = _chart("ROC", sweeps, thresholds.roc, served and served[0])
    recalled = _chart(
        "Precision and recall", sweeps, thresholds.precision_recall, served and served[1]
    )
    return [
        Rated("roc", roc, "false positive rate", "true positive rate", areas),
        Rated("precision-recall", recalled, "recall", "precision", precisions),
    ]


def _at(point: Point, sweep: Sweep) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Where a threshold lies on the two charts; without a label there is no precision."""
    of_class, of_rest = sweep.images
    labelled = point.hits + point.alarms
    recall = point.hits / of_class
    precision = (recall, point.hits / labelled) if labelled else None
    return (point.alarms / of_rest, recall), precision


def _chart(
    title: str, sweeps: Sequence[Sweep], rates: Rates, served: tuple[float, float] | None
) -> Chart:
    across = Scale(0, 1, _FRAME.left, _FRAME.end)
    up = Scale(0, 1, _FRAME.floor, _FRAME.top)
    paths = []
    for number, sweep in enumerate(sweeps):
        places = [(across.place(x), up.place(y)) for x, y in rates(sweep)]
        paths.append(Path(f"c{number}", charts.line(list(_fewer(places)))))
    ticks = axes.nice(0, 1)
    mark = Mark(across.place(served[0]), up.place(served[1]), "served") if served else None
    return Chart(
        title,
        _FRAME,
        [Tick(across.place(at), numerals.tick(at)) for at in ticks],
        [Tick(up.place(at), numerals.tick(at)) for at in ticks],
        paths,
        mark,
    )


def _fewer(places: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The corners of a line, and of very many of them some."""
    corners = [
        place
        for before, place, after in zip(places, places[1:], places[2:], strict=False)
        if not _is_straight(before, place, after)
    ]
    step = -(-len(corners) // _MOST_POINTS) or 1
    yield from [*places[:1], *corners[::step], *places[1:][-1:]]


def _is_straight(*places: tuple[float, float]) -> bool:
    across, up = zip(*places, strict=True)
    return len(set(across)) == 1 or len(set(up)) == 1
