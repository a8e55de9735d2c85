"""Training curves, kept with the run: `history.json` to compute with, `curves.png` to look at."""

import json
from pathlib import Path

from matplotlib.figure import Figure

from trainer.checkpoints import State


def write(folder: Path, state: State) -> None:
    """Write `history.json` (`epochs`: a row an epoch; `best_epoch`, from 1) and `curves.png`."""
    rows = [{"epoch": number, **row} for number, row in enumerate(state.epochs, start=1)]
    history = {"best_epoch": state.best_epoch, "epochs": rows}
    (folder / "history.json").write_text(json.dumps(history, indent=2) + "\n")
    _figure(state).savefig(folder / "curves.png", dpi=120)


def _figure(state: State) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        epochs = range(1, state.done + 1)
        for name, label in ((metric, "training"), (f"val_{metric}", "validation")):
            axes.plot(epochs, [row[name] for row in state.epochs], marker=".", label=label)
        axes.axvline(state.best_epoch, color="0.7", linestyle=":", label="best epoch")
        axes.set_xlabel("epoch")
        axes.set_title(metric)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    return figure
