"""A `DataReport` as a person reads it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.data_report import DataReport, Problem, Spread

_FILE_WIDTH = 400  # Lines in a file are broken only where they are endless.
_BLOCKS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 24
_MOST_CLASSES = 20
_FILES_A_REASON = 3
_WORST = 2
_UNITS = ("B", "KB", "MB", "GB", "TB")
_DECIMALS = {"aspect": 2, "brightness": 2, "contrast": 2, "sharpness": 3, "colourfulness": 0}
_WORST_UNITS = {
    "darkest": ("", 2),
    "blurriest": ("", 3),
    "smallest": (" px", 0),
    "longest": (" : 1", 1),
}


def show(report: DataReport, stream: IO[str]) -> None:
    """Write the report: in colours and as wide as a terminal, as plain lines elsewhere."""
    width = None if stream.isatty() else _FILE_WIDTH
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for number, part in enumerate(_parts(report)):
            if number:
                console.print()
            console.print(part)
    # Tables fill their last column with blanks.
    stream.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _parts(report: DataReport) -> Iterator[Text | Table]:
    yield _head(report)
    if report.counts.accepted:
        yield _classes(report)
        yield _properties(report)
        yield _worst(report)
    if report.set_aside:
        yield _set_aside(report)
    yield _verdict(report)


def _head(report: DataReport) -> Text:
    title, facts = headline(report)
    return Text.assemble((title, "bold"), "\n", (facts, "dim"))


def headline(report: DataReport) -> tuple[str, str]:
    """What the data are called, and the first that there is to say of them."""
    counts = report.counts
    parts = [f"{counts.accepted:,} images", size(report.bytes)]
    parts += [f"{number:,} {name}" for name, number in report.formats.items()]
    if report.set_aside:
        parts.append(f"{len(report.set_aside):,} set aside")
    if counts.ignored:
        parts.append(f"{counts.ignored:,} ignored")
    title = f"{report.data}, span {report.span}" if report.span else report.data
    return one_line(title), " · ".join(parts)


def _classes(report: DataReport) -> Table:
    """Images by class and split; the bar is the class's share of the largest one."""
    by_split = report.counts.accepted_by_split
    labels = list(next(iter(by_split.values())))
    totals = {label: sum(by_label[label] for by_label in by_split.values()) for label in labels}
    names = map(report.counts.called, by_split)
    table = _table("class", *names, *(["all"] if len(by_split) > 1 else []))
    table.add_column("")
    for label in _chosen(totals):
        if label is None:
            table.add_row(Text(f"... {len(totals) - _MOST_CLASSES:,} more classes", style="dim"))
            continue
        cells = [by_label[label] for by_label in by_split.values()]
        cells += [totals[label]] if len(by_split) > 1 else []
        table.add_row(
            one_line(label),
            *map(_count, cells),
            Text(_bar(totals[label] / max(totals.values())), "cyan"),
        )
    if len(labels) > 1:
        sums = [sum(by_label.values()) for by_label in by_split.values()]
        sums += [sum(sums)] if len(by_split) > 1 else []
        table.add_row(Text("all", style="dim"), *(Text(f"{each:,}", style="dim") for each in sums))
    return table


def _chosen(totals: dict[str, int]) -> Iterable[str | None]:
    """All classes, or the largest and the smallest; None stands for those between them."""
    if len(totals) <= _MOST_CLASSES:
        return list(totals)
    ordered = sorted(totals, key=lambda label: -totals[label])
    half = _MOST_CLASSES // 2
    return [*ordered[:half], None, *ordered[-half:]]


def _properties(report: DataReport) -> Table:
    table = _table("property", "least")
    table.add_column("spread", justify="center", header_style="dim")
    for name in ("median", "most"):
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    for name, spread in report.spreads.items():
        least, median, most = (_value(name, each) for each in _ends(spread))
        table.add_row(name, least, Text(_sparkline(spread.histogram), "cyan"), median, most)
    return table


def _ends(spread: Spread) -> tuple[float, float, float]:
    return spread.least, spread.median, spread.most


def _worst(report: DataReport) -> Table:
    table = _table("worth a look", "")
    table.add_column("", overflow="fold")
    for kind, found in report.worst.items():
        for place, each in enumerate(found[:_WORST]):
            name = one_line(each.image.name)
            table.add_row("" if place else kind, worst_value(kind, each.value), name)
    return table


def worst_value(kind: str, value: float) -> str:
    """What makes an image one of the worst of its kind, as in `41 px`."""
    unit, decimals = _WORST_UNITS[kind]
    return f"{value:.{decimals}f}{unit}"


def _set_aside(report: DataReport) -> Table:
    table = _plain_table()
    table.add_column("set aside", style="yellow", header_style="dim", no_wrap=True)
    table.add_column("", overflow="fold")
    by_reason = {reason: [] for reason in report.counts.quarantined}
    for row in report.set_aside:
        by_reason[row.reason].append(row)
    for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        for place, row in enumerate(rows[:_FILES_A_REASON]):
            file = Text.assemble(one_line(row.path), (f"  {one_line(row.message)}", "dim"))
            table.add_row("" if place else f"{len(rows):,} {reason}", file)
        if len(rows) > _FILES_A_REASON:
            more = f"... and {len(rows) - _FILES_A_REASON:,} more, which --json names"
            table.add_row("", Text(more, style="dim"))
    return table


def verdict(report: DataReport) -> str:
    """Whether a run would take the data."""
    return f"A run would {'accept' if report.is_trainable else 'refuse'} these data."


def _verdict(report: DataReport) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for problem in report.problems:
        mark = Text("✗", "bold red") if problem.stops else Text("!", "bold yellow")
        table.add_row(mark, _told(problem))
    mark, style = ("✓", "bold green") if report.is_trainable else ("✗", "bold red")
    table.add_row(Text(mark, style=style), Text(verdict(report), style=style))
    return table


def _told(problem: Problem) -> Text:
    # Those set aside have been named above.
    named = () if problem.check == "quarantined_share" else problem.files
    files = ((f"\n  {one_line(name)}", "dim") for name in named)
    return Text.assemble(one_line(problem.sentence), *files)


def one_line(text: str) -> str:
    """The text without line breaks and whatever else could move a terminal's cursor."""
    words = " ".join(text.split())
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in words)


def _plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)


def _table(first: str, *numbers: str) -> Table:
    table = _plain_table()
    table.add_column(first, header_style="dim", overflow="fold", min_width=13)
    for name in numbers:
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    return table


def _count(number: int) -> Text:
    return Text(f"{number:,}", style="" if number else "bold red")


def _bar(share: float) -> str:
    eighths = max(round(share * _BAR_WIDTH * 8), 1 if share else 0)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def _sparkline(histogram: Sequence[int]) -> str:
    most = max(histogram)
    return "".join(
        _BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] if count else " " for count in histogram
    )


def _value(name: str, value: float) -> str:
    if name == "bytes":
        return size(value)
    return f"{value:,.{_DECIMALS[name]}f}" if name in _DECIMALS else f"{value:,.0f} px"


def size(number: float) -> str:
    """As in `12 KB` or `1.3 GB`."""
    power = 0
    while number >= 999.5 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    return (
        f"{number:.1f} {_UNITS[power]}"
        if power and number < 9.95
        else f"{number:.0f} {_UNITS[power]}"
    )
