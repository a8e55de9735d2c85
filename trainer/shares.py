"""How a batch is shared out among the replicas of a model: pieces of nearly one size."""

import math
from dataclasses import dataclass

import numpy as np


def batch_sizes(rows: int, batch_size: int) -> np.ndarray:
    """Rows of each batch, the last of which takes what is left: int64 [B]."""
    return np.diff(np.append(np.arange(0, rows, batch_size), rows))


def even_batch_sizes(rows: int, batch_size: int) -> np.ndarray:
    """Rows of as many batches, none of which is much smaller than the others: int64 [B]."""
    count = math.ceil(rows / batch_size)
    return np.diff(np.arange(count + 1) * rows // count)


@dataclass(frozen=True)
class Share:
    """What one worker takes of each batch: a piece for each of its replicas.

    replicas: those of all workers
    own: which of them are this worker's
    """

    replicas: int
    own: range

    def pieces(self, sizes: np.ndarray) -> np.ndarray:
        """Where own pieces begin and end in rows that are batched so: int64 [P, 2].

        A replica that no row is left for repeats one: a network cannot be fed nothing.
        """
        begin, end = self._ends(sizes)
        starts = (np.cumsum(sizes) - sizes).repeat(len(self.own))
        is_empty = begin == end
        begin = np.where(is_empty, 0, begin)
        return starts[:, None] + np.stack([begin, np.where(is_empty, 1, end)], axis=1)

    def weights(self, sizes: np.ndarray) -> np.ndarray:
        """What each row of a piece counts, so that a batch learns the mean of its rows: [P].

        It is 1 where pieces are of one size, as each replica takes the mean of its own piece; and
        0 for a row that another replica has.
        """
        begin, end = self._ends(sizes)
        return ((end - begin) * self.replicas / sizes.repeat(len(self.own))).astype(np.float32)

    def _ends(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Begin and end of own pieces in their batches: int64 [P] each."""
        own = np.array(self.own)
        begin, end = (sizes[:, None] * (own + step) // self.replicas for step in (0, 1))
        return begin.ravel(), end.ravel()
