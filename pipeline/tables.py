"""A table as lines of plain text."""

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table


def table() -> Table:
    """An empty table of the one look that all listings have."""
    return Table(box=SIMPLE_HEAD, pad_edge=False)


def lines(filled: RenderableType, *, width: int) -> list[str]:
    """The lines of a table or a tree, of so many characters at most."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(filled)
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]
