"""A batch shared out among replicas: every row once, and none of them weighs more."""

import numpy as np
import pytest

from trainer.shares import Share, batch_sizes, even_batch_sizes


def share(replicas, *own):
    return Share(replicas, range(own[0], own[-1] + 1))


def rows_of(pieces):
    return [list(range(begin, end)) for begin, end in pieces.tolist()]


def test_last_batch_takes_what_is_left():
    assert batch_sizes(22, 7).tolist() == [7, 7, 7, 1]
    assert batch_sizes(14, 7).tolist() == [7, 7]
    assert batch_sizes(3, 7).tolist() == [3]


def test_even_batches_are_as_many_and_of_nearly_one_size():
    assert even_batch_sizes(22, 7).tolist() == [5, 6, 5, 6]
    assert even_batch_sizes(3, 7).tolist() == [3]


def test_pieces_of_a_worker_are_in_the_order_of_batches_and_then_of_its_replicas():
    found = share(4, 2, 3).pieces(np.array([8, 4]))
    assert rows_of(found) == [[4, 5], [6, 7], [10], [11]]


@pytest.mark.parametrize("rows", [12, 13, 17, 29])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_take_each_row_once_and_all_rows_weigh_the_same(rows, workers):
    sizes, each = batch_sizes(rows, 6), 4 // workers
    taken = np.zeros(rows)
    learned = np.zeros(rows)
    for worker in range(workers):
        own = Share(4, range(worker * each, (worker + 1) * each))
        for piece, weight in zip(
            rows_of(own.pieces(sizes)), own.weights(sizes).repeat(1), strict=True
        ):
            assert piece
            taken[piece] += weight > 0
            # A replica takes the mean of its piece, and all replicas' means are averaged.
            learned[piece] += weight / len(piece) / 4
    assert taken.tolist() == [1] * rows
    assert learned == pytest.approx((1 / sizes).repeat(sizes))


def test_a_replica_that_no_row_is_left_for_repeats_one_that_does_not_count():
    sizes = np.array([4, 1])
    assert rows_of(share(2, 0).pieces(sizes)) == [[0, 1], [4]]
    assert share(2, 0).weights(sizes).tolist() == [1, 0]
    assert rows_of(share(2, 1).pieces(sizes)) == [[2, 3], [4]]
    assert share(2, 1).weights(sizes).tolist() == [1, 2]


def test_pieces_of_one_size_have_no_weight_of_their_own():
    assert share(2, 1).weights(np.array([6, 6, 2])).tolist() == [1, 1, 1]
