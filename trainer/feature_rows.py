"""Rows of frozen features to train on, read from mapped segments by index; nothing is copied."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FeatureRows:
    """Rows in the order of their images' digests.

    parts: the array of each segment, memory-mapped: [rows, ...]
    segments, rows: int64 [N]; where each row is
    labels: int64 [N]
    columns: the slices of a row that are wanted, side by side
    """

    parts: tuple[np.ndarray, ...]
    segments: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    columns: tuple[slice, ...]

    @classmethod
    def of(
        cls,
        parts: Sequence[np.ndarray],
        places: Sequence[tuple[int, int]],
        labels: Sequence[int],
        columns: Sequence[slice],
    ) -> "FeatureRows":
        """Rows at (segment, row) places."""
        where = np.array(places, np.int64).reshape(-1, 2)
        segments, rows = where[:, 0].copy(), where[:, 1].copy()
        return cls(tuple(parts), segments, rows, np.array(labels, np.int64), tuple(columns))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs."""
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of inputs."""
        whole = self.parts[0].shape[1:]
        if not self.columns:
            return whole
        return (sum(len(range(*part.indices(whole[0]))) for part in self.columns),)

    def take(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels at some positions: int64 [B] -> ([B, *shape], float32 [B])."""
        inputs = np.empty((len(positions), *self.shape), self.dtype)
        segments, rows = self.segments[positions], self.rows[positions]
        for segment in np.unique(segments):
            chosen = segments == segment
            inputs[chosen] = self._columns(self.parts[segment], rows[chosen])
        return inputs, self.labels[positions].astype(np.float32)

    def _columns(self, part: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if not self.columns:
            return part[rows]
        wanted = [part[rows, columns] for columns in self.columns]
        return wanted[0] if len(wanted) == 1 else np.concatenate(wanted, axis=1)


@dataclass(frozen=True)
class MeanRows:
    """Rows that are the means of rows: of several views of the same images, in the same order."""

    views: tuple[FeatureRows, ...]

    def __len__(self) -> int:
        return len(self.views[0])

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs."""
        return self.views[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of inputs."""
        return self.views[0].shape

    def take(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels at some positions: int64 [B] -> ([B, *shape], float32 [B])."""
        inputs, labels = zip(*(view.take(positions) for view in self.views), strict=True)
        return np.mean(inputs, axis=0, dtype=self.dtype), labels[0]
