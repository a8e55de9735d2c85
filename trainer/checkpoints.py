"""Checkpoints, so that an interrupted training goes on where it stopped.

A checkpoint folder holds `weights-<N>.npz` and `optimizer-<N>.npz` after N epochs,
`weights-<M>.npz` of the epoch with the lowest validation loss, and `state.json`, which tells N and
M and is replaced last: whoever is killed at any moment leaves a folder that can be used.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

MONITOR = "val_loss"
STATE = "state.json"
SHARE = 0.05
"""Writing checkpoints may take so many seconds of each second of training."""
EACH_EPOCH = math.inf
"""In place of `SHARE`: a checkpoint each epoch, whatever it takes."""


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
    path = folder / STATE
    return State(**json.loads(path.read_text())) if path.exists() else State()


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the best epoch in memory, and the state of all epochs.

    Args:
      state: where training starts from.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.weights: Sequence[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep the weights if there were none better."""
        self.state = self.state.with_epoch(logs or {})
        if self.state.best_epoch == self.state.done:
            self.weights = self.trained.get_weights()

    @property
    def trained(self) -> keras.Model:
        """What is fitted."""
        assert self.model is not None, "Keras sets the model before it calls back"
        return self.model


class Checkpoints(BestWeights):
    """Writes checkpoints, and stops when patience is out.

    The first epoch is written, and then each one that ends when enough was trained since: what a
    kill costs is an epoch, or a few seconds where writing takes a part of a second.

    Args:
      folder: where the checkpoints go; it holds those of `state`, if any.
      state: where training starts from.
      patience: epochs without a lower validation loss before training stops; 0 never stops.
      share: seconds of writing that a second of training may bring; or `EACH_EPOCH`.
      clock: tells seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state: State,
        patience: int,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(state)
        self.folder = folder
        self.patience = patience
        self.share = share
        self._clock = clock
        self._due = -math.inf
        self._best_written = state.best_epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep the epoch, and write it when it is time."""
        super().on_epoch_end(epoch, logs)
        began = self._clock()
        if began >= self._due:
            self._write()
            ended = self._clock()
            self._due = ended + (ended - began) / self.share
        if self.state.is_out_of_patience(self.patience):
            self.trained.stop_training = True

    def _write(self) -> None:
        state, model = self.state, self.trained
        last, best = (_weights_path(self.folder, each) for each in (state.done, state.best_epoch))
        optimizer, told = _optimizer_path(self.folder, state.done), self.folder / STATE
        is_best = state.best_epoch == state.done
        _write_arrays(last, (is_best and self.weights) or model.get_weights())
        if not is_best and self.weights and state.best_epoch != self._best_written:
            _write_arrays(best, self.weights)
        self._best_written = state.best_epoch
        _write_arrays(optimizer, [each.numpy() for each in model.optimizer.variables])
        _replace_text(told, json.dumps(asdict(state)))
        for path in self.folder.iterdir():
            if path not in (last, best, optimizer, told):
                path.unlink()


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
    """Load model and optimizer as they were after the last epoch written, if there was one."""
    if state.done:
        # The optimizer's variables must lie on the devices where the model's do.
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(
                model.optimizer.variables,
                _read_arrays(_optimizer_path(folder, state.done)),
                strict=True,
            ):
                variable.assign(value)
        model.set_weights(_read_arrays(_weights_path(folder, state.done)))


def restore_best(model: keras.Model, folder: Path, best: BestWeights) -> None:
    """Give the model the weights of the best epoch: from memory, or from where they were written.

    Args:
      model: what was fitted.
      folder: its checkpoints.
      best: what watched the epochs.
    """
    # None where no epoch was better than those before the interruption.
    kept = best.weights
    model.set_weights(kept or _read_arrays(_weights_path(folder, best.state.best_epoch)))


def _weights_path(folder: Path, epoch: int) -> Path:
    return folder / f"weights-{epoch}.npz"


def _optimizer_path(folder: Path, epoch: int) -> Path:
    return folder / f"optimizer-{epoch}.npz"


def _write_arrays(path: Path, arrays: Sequence[np.ndarray]) -> None:
    unfinished = path.with_name(f"unfinished-{path.name}")
    with unfinished.open("wb") as file:
        np.savez(file, *arrays)
    unfinished.replace(path)


def _read_arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as stored:
        return [stored[name] for name in stored.files]


def _replace_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f"unfinished-{path.name}")
    unfinished.write_text(text)
    unfinished.replace(path)
