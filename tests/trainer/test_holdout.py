"""Which training images a search is judged on: a share of each class, told by digest alone."""

import pytest

from trainer import holdout
from trainer.errors import DataError
from trainer.holdout import Labelled

IMAGES = Labelled([f"{number:02d}" for number in range(20)], [0] * 10 + [1] * 10)


def test_each_class_gives_its_share():
    train, held = holdout.split(IMAGES, 0.2)
    assert (len(train.digests), sorted(held.labels)) == (16, [0, 0, 1, 1])
    assert sorted([*train.digests, *held.digests]) == sorted(IMAGES.digests)


def test_labels_stay_with_their_images():
    for part in holdout.split(IMAGES, 0.5):
        assert all(
            IMAGES.labels[int(name)] == label for name, label in zip(*_of(part), strict=True)
        )


def _of(part):
    return part.digests, part.labels


def test_order_of_the_images_decides_nothing():
    backwards = Labelled(IMAGES.digests[::-1], IMAGES.labels[::-1])
    assert set(holdout.split(backwards, 0.3)[1].digests) == set(
        holdout.split(IMAGES, 0.3)[1].digests
    )


def test_image_that_is_there_twice_is_in_one_part_only():
    twice = Labelled([*IMAGES.digests, *IMAGES.digests], [*IMAGES.labels, *IMAGES.labels])
    train, held = holdout.split(twice, 0.2)
    assert not set(train.digests) & set(held.digests)
    assert len(held.digests) == 8


@pytest.mark.parametrize(("share", "held"), [(0.01, 1), (0.99, 1)])
def test_class_of_two_gives_one_and_keeps_one(share, held):
    train, out = holdout.split(Labelled(["a", "b"], [0, 0]), share)
    assert (len(train.digests), len(out.digests)) == (1, held)


def test_too_few_images_are_an_error():
    with pytest.raises(DataError, match="2 training images are too few"):
        holdout.split(Labelled(["a", "b"], [0, 1]), 0.2)
