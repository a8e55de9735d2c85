"""Checkpoints each epoch, so that an interrupted training goes on where it stopped.

A checkpoint folder holds `epoch-<N>.weights.h5` (model and optimizer after N epochs),
`best.weights.h5` (the epoch with the lowest validation loss) and `state.json`, which names
them and is replaced last: whoever is killed at any moment leaves a folder that can be used.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

MONITOR = "val_loss"


@dataclass(frozen=True)
class State:
    """What is known after the last whole epoch.

    epochs: a row an epoch: `loss`, `accuracy`, `val_loss`, `val_accuracy`.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Whole epochs trained so far."""
        return len(self.epochs)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, with the lowest validation loss; 0 before the first."""
        losses = [row[MONITOR] for row in self.epochs]
        return losses.index(min(losses)) + 1 if losses else 0

    def with_epoch(self, logs: Mapping[str, float]) -> "State":
        """The state after one more epoch."""
        return State([*self.epochs, {name: float(value) for name, value in logs.items()}])

    def is_out_of_patience(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought nothing better; 0 is endless patience."""
        return 0 < patience <= self.done - self.best_epoch


def read_state(folder: Path) -> State:
    """The state that a checkpoint folder holds; an empty one where there is none."""
    path = folder / "state.json"
    return State(**json.loads(path.read_text())) if path.exists() else State()


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint each epoch, stops when patience is out.

    Args:
      folder: where the checkpoints go; it holds those of `state`, if any.
      state: where training starts from.
      patience: epochs without a lower validation loss before training stops; 0 never stops.
    """

    def __init__(self, folder: Path, *, state: State, patience: int) -> None:
        super().__init__()
        self.folder = folder
        self.state = state
        self.patience = patience

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Save the epoch, and whether it is the best one so far."""
        self.state = self.state.with_epoch(logs or {})
        saved = _weights_path(self.folder, epoch + 1)
        self._save(saved)
        if self.state.best_epoch == epoch + 1:
            _link(saved, self.folder / "best.weights.h5")
        _replace_text(self.folder / "state.json", json.dumps(asdict(self.state)))
        _weights_path(self.folder, epoch).unlink(missing_ok=True)
        if self.state.is_out_of_patience(self.patience):
            self._keras_model.stop_training = True

    def _save(self, path: Path) -> None:
        unfinished = path.with_name(f"unfinished-{path.name}")
        self._keras_model.save_weights(unfinished)
        unfinished.replace(path)

    @property
    def _keras_model(self) -> keras.Model:
        assert self.model is not None, "Keras sets the model before it calls back"
        return self.model


class SeededDropout(keras.callbacks.Callback):
    """Seeds every dropout layer anew each epoch, so that a resumed epoch drops the same units."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Set the state of each seed generator from the seed and the epoch."""
        assert self.model is not None, "Keras sets the model before it calls back"
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([self.seed, epoch])


def restore_last(model: keras.Model, folder: Path, state: State) -> None:
    """Load model and optimizer as they were after the last whole epoch, if there was one."""
    if state.done:
        # The optimizer's variables must lie on the devices where the model's do.
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        model.load_weights(_weights_path(folder, state.done))


def restore_best(model: keras.Model, folder: Path) -> None:
    """Load the weights of the epoch with the lowest validation loss."""
    model.load_weights(folder / "best.weights.h5")


def _weights_path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch}.weights.h5"


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, which may be taken: what is written once need not be copied."""
    unfinished = target.with_name(f"unfinished-{target.name}")
    unfinished.unlink(missing_ok=True)
    try:
        unfinished.hardlink_to(source)
    except OSError:  # A file system without links.
        shutil.copyfile(source, unfinished)
    unfinished.replace(target)


def _replace_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f"unfinished-{path.name}")
    unfinished.write_text(text)
    unfinished.replace(path)
