"""The trials of a search as a person reads them: a table, and the best as words to run with."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import tables

_SHOWN = 20


def words(trial: Mapping[str, Any]) -> list[str]:
    """What makes a run take the values of a trial: `--set`, `model.cut=mixed7`, and so on."""
    return [
        word for name, value in trial["values"].items() for word in ("--set", f"{name}={value}")
    ]


def told(tuning: Mapping[str, Any]) -> str:
    """The search in a sentence."""
    best, *_ = trials = tuning["trials"]
    objective = tuning["objective"]
    first = next((each for each in trials if each["number"] == 1), best)
    sentence = f"{len(trials)} trials, best {objective} {best[objective]:.4g}"
    if first is best:
        return f"{sentence}, with the settings as they are"
    return f"{sentence}; {first[objective]:.4g} with the settings as they are"


def lines(tuning: Mapping[str, Any], *, width: int) -> list[str]:
    """A table of the best trials, with a column for each setting that is not the same in all.

    Args:
        tuning: `objective` and `trials`, the best first.
        width: characters of a line.
    """
    trials: Sequence[Mapping[str, Any]] = tuning["trials"]
    names = [name for name in trials[0]["values"] if len({_of(each, name) for each in trials}) > 1]
    table = tables.table()
    for name in ("rank", "trial", *(name.partition(".")[2] for name in names)):
        table.add_column(name, justify="right")
    for name in ("val_loss", "val_accuracy", "seconds"):
        table.add_column(name, justify="right")
    for rank, each in enumerate(trials[:_SHOWN], start=1):
        values = [_text(_of(each, name)) for name in names]
        measured = (
            f"{each['val_loss']:.4g}",
            f"{each['val_accuracy']:.4f}",
            f"{each['seconds']:.1f}",
        )
        table.add_row(str(rank), str(each["number"]), *values, *measured)
    return tables.lines(table, width=width)


def _of(trial: Mapping[str, Any], name: str) -> Any:
    return trial["values"][name]


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
