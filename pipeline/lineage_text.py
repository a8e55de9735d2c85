"""A lineage as rows and as a tree, for a terminal or a page."""

from collections.abc import Mapping

from rich.markup import escape
from rich.tree import Tree

from pipeline import tables
from pipeline.lineage import Lineage, Made
from pipeline.paragraphs import indented
from pipeline.pushed_versions import State

_UNKNOWN = "not known"
_STATES: Mapping[State, str] = {
    "served": "is served",
    "kept": "is kept; a later version is served",
    "withdrawn": "was withdrawn by `frostline rollback`",
    "removed": "is gone from there: it made room for later versions, or was deleted",
}


def rows(lineage: Lineage) -> list[tuple[str, str]]:
    """What a version was made of: a name and a text each."""
    changed = ", ".join(str(change) for change in lineage.settings)
    span = f", span {lineage.span}" if lineage.span else ""
    return [
        ("version", f"{lineage.name} {lineage.version}, pushed {_when(lineage.pushed)}"),
        ("folder", f"{lineage.folder} {_STATES[lineage.state]}"),
        ("run", lineage.run or f"{_UNKNOWN}: its summary is gone"),
        ("data", f"{lineage.data or _UNKNOWN}{span}"),
        ("data fingerprint", lineage.data_fingerprint or _UNKNOWN),
        ("code digest", lineage.code or _UNKNOWN),
        ("weights", lineage.weights or "none"),
        ("weights sha256", lineage.weights_sha256 or _UNKNOWN),
        ("not as in defaults", changed or "no setting"),
    ]


def lines(lineage: Lineage, *, width: int) -> list[str]:
    """The rows, and below them the steps that led to the version, the last one first."""
    table = [
        line for name, text in rows(lineage) for line in indented(f"{name:<20}{text}", width=width)
    ]
    return [*(line[2:] for line in table), *tree(lineage, width=width)]


def tree(lineage: Lineage, *, width: int) -> list[str]:
    """The steps that led to a version, the last one first, each above what it took."""
    grown = Tree(f"[bold]{escape(_told(lineage.made))}[/bold]", highlight=False)
    _grow(grown, lineage.made, seen={lineage.made.execution})
    return tables.lines(grown, width=width)


def _grow(tree: Tree, made: Made, *, seen: set[int]) -> None:
    """Add what the step took; one that is there already is named only."""
    for key, each in made.inputs.items():
        is_new = each.execution not in seen
        seen.add(each.execution)
        text = _told(each) if is_new else f"{each.step} {each.execution} (see there)"
        branch = tree.add(escape(f"{key}: {text}"))
        if is_new:
            _grow(branch, each, seen=seen)


def _told(made: Made) -> str:
    gone = "" if made.is_there else ", files gone"
    return f"{made.step} {made.execution}, {_when(made.made)}{gone}"


def _when(time: str) -> str:
    return f"{time.replace('T', ' ')[:16]} UTC"
