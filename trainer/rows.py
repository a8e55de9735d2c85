"""Pixels on disk: written once, then read by index in any order, in flat memory.

A row is what the network is fed where its base runs live. Where the base is cached, rows are
those of `trainer.feature_rows`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.errors import DataError

NO_IMAGE = "no image was left to train on; look at the quarantine of ImageExampleGen"


@dataclass(frozen=True)
class Rows:
    """Rows in the order of their images' digests, whatever order they were read in.

    inputs: [N, ...], memory-mapped; in the order of writing
    labels: int64 [N]; in the order of writing
    order: int64 [N]; position -> index into `inputs` and `labels`
    """

    inputs: np.ndarray
    labels: np.ndarray
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.order)

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs."""
        return self.inputs.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of inputs."""
        return self.inputs.shape[1:]

    def take(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels at some positions: int64 [B] -> ([B, ...], float32 [B])."""
        indices = self.order[positions]
        return self.inputs[indices], self.labels[indices].astype(np.float32)


@dataclass(frozen=True)
class Batch:
    """Some rows: inputs [B, ...], labels int64 [B], keys bytes [B] that order them."""

    inputs: np.ndarray
    labels: np.ndarray
    keys: np.ndarray


def write(path: Path, batches: Iterable[Batch]) -> Rows:
    """Write rows to a new file and map it.

    Raises:
      DataError: there is no row.
    """
    labels: list[np.ndarray] = []
    keys: list[np.ndarray] = []
    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.float32)
    with path.open("xb") as file:
        for batch in batches:
            file.write(np.ascontiguousarray(batch.inputs).data)
            labels.append(batch.labels)
            keys.append(batch.keys)
            shape, dtype = batch.inputs.shape[1:], batch.inputs.dtype
    if not labels:
        raise DataError(NO_IMAGE)
    return Rows(
        inputs=np.memmap(path, dtype=dtype, mode="r").reshape(-1, *shape),
        labels=np.concatenate(labels),
        order=np.argsort(np.concatenate(keys), kind="stable"),
    )
