"""Charts as geometry: what a template draws as SVG. Units are those of the chart's view box."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report import axes, numerals
from pipeline.report.axes import Scale
from pipeline.report.distributions import Distribution

# A loss that falls further than this is drawn over a logarithmic axis: its end would be flat.
_LINEAR_RATIO = 20


@dataclass(frozen=True)
class Frame:
    """Where values lie on the paper; the margins have room for the ticks' labels."""

    width: float
    height: float
    left: float = 46
    right: float = 14
    top: float = 16
    bottom: float = 26

    @property
    def floor(self) -> float:
        """The y of the horizontal axis."""
        return self.height - self.bottom

    @property
    def end(self) -> float:
        """The x where the horizontal axis ends."""
        return self.width - self.right


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True)
class Path:
    """A line or an area; `of` is whose it is: a split, or `loss` beside `val_loss`."""

    of: str
    d: str


@dataclass(frozen=True)
class Mark:
    """A point of a line that is pointed at."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart; `is_logarithmic` says so of its vertical axis."""

    title: str
    frame: Frame
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    paths: Sequence[Path]
    mark: Mark | None = None
    is_logarithmic: bool = False


@dataclass(frozen=True)
class _Upright:
    """A vertical axis."""

    scale: Scale
    ticks: Sequence[float]
    is_logarithmic: bool

    def place(self, value: float) -> float:
        return self.scale.place(math.log10(value) if self.is_logarithmic else value)


def curves(training: Mapping[str, Any]) -> list[Chart]:
    """Loss and accuracy over the epochs, training and validation, the best epoch marked.

    Args:
      training: as in `Summary`.
    """
    epochs = training["epochs"]
    charts = [_curve(name, epochs, training["best_epoch"]) for name in ("loss", "accuracy")]
    return [chart for chart in charts if chart]


def histogram(title: str, splits: Sequence[Distribution]) -> Chart:
    """How a property is spread over the images of each split, all areas the same.

    So splits of different sizes lie over each other, and TFDV's edges, which are another for each
    split, do no harm.
    """
    frame = Frame(width=200, height=112, left=8, right=8, top=6)
    low = min(each.low for each in splits)
    high = max(each.high for each in splits)
    across = Scale(low, high, frame.left, frame.end)
    peak = max((bin_.density for each in splits for bin_ in each.bins), default=0)
    up = Scale(0, peak, frame.floor, frame.top)
    paths = [Path(each.split, _steps(each, across, up)) for each in splits if each.bins]
    ticks = [Tick(across.place(at), numerals.tick(at)) for at in axes.nice(low, high, 4)]
    return Chart(title, frame, ticks, (), paths)


def _curve(name: str, epochs: Sequence[Mapping[str, Any]], best: int) -> Chart | None:
    series = {
        key: [(row["epoch"], row[key]) for row in epochs if _is_number(row.get(key))]
        for key in (name, f"val_{name}")
    }
    values = [value for points in series.values() for _, value in points]
    if not values:
        return None
    frame = Frame(width=420, height=230)
    across = Scale(epochs[0]["epoch"], epochs[-1]["epoch"], frame.left, frame.end)
    up = _upright(values, frame)
    marks = [
        Mark(across.place(x), up.place(y), f"epoch {x}")
        for x, y in series[f"val_{name}"]
        if x == best
    ]
    return Chart(
        name.capitalize(),
        frame,
        [Tick(across.place(at), numerals.tick(at)) for at in _epochs(epochs)],
        [Tick(up.place(at), numerals.tick(at)) for at in up.ticks],
        [
            Path(key, line([(across.place(x), up.place(y)) for x, y in points]))
            for key, points in series.items()
            if points
        ],
        marks[0] if marks else None,
        up.is_logarithmic,
    )


def _upright(values: Sequence[float], frame: Frame) -> _Upright:
    low, high = min(values), max(values)
    is_logarithmic = low > 0 and high / low > _LINEAR_RATIO
    ticks = axes.decades(low, high) if is_logarithmic else axes.around(low, high)
    ends = [math.log10(each) if is_logarithmic else each for each in (low, high, *ticks)]
    return _Upright(Scale(min(ends), max(ends), frame.floor, frame.top), ticks, is_logarithmic)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _epochs(epochs: Sequence[Mapping[str, Any]]) -> list[int]:
    first, last = epochs[0]["epoch"], epochs[-1]["epoch"]
    whole = [round(at) for at in axes.nice(first, last) if at == round(at) and first <= at <= last]
    return whole or [first]


def line(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through some places, one or more."""
    if len(points) == 1:  # A line to itself, which a round cap makes a dot.
        points = [*points, *points]
    return "M" + " L".join(f"{x:g},{y:g}" for x, y in points)


def _steps(distribution: Distribution, across: Scale, up: Scale) -> str:
    corners = list(_corners(distribution, across, up))
    return "M" + " L".join(f"{x:g},{y:g}" for x, y in corners) + " Z"


def _corners(distribution: Distribution, across: Scale, up: Scale) -> Iterator[tuple[float, float]]:
    yield across.place(distribution.bins[0].low), up.place(0)
    for each in distribution.bins:
        yield across.place(each.low), up.place(each.density)
        yield across.place(each.high), up.place(each.density)
    yield across.place(distribution.bins[-1].high), up.place(0)
