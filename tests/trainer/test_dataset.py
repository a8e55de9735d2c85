"""From transformed records to the batches of an epoch: which rows, in which order, how changed."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from trainer import dataset, rows
from trainer.rows import Batch
from trainer.settings import AugmentSettings, TrainSettings

pytestmark = pytest.mark.graph

SIZE = 75
PLAIN = AugmentSettings(enabled=False)
CHANGING = AugmentSettings(enabled=True)


@pytest.fixture(scope="module")
def folder(make_images, tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("data") / "images", count=5)


@pytest.fixture(scope="module")
def files(folder, write_examples, tmp_path_factory):
    return write_examples(folder, tmp_path_factory.mktemp("records") / "data", size=SIZE)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Ten rows whose input is their own number, and whose label is 1 where it is odd."""
    numbers = np.arange(10)
    path = tmp_path_factory.mktemp("rows") / "numbered.bin"
    keys = np.array([b"%d" % number for number in numbers])
    inputs = numbers[:, None].astype(np.float32)
    return rows.write(path, [Batch(inputs, numbers % 2, keys)])


@pytest.fixture(scope="module")
def pictures(files, tmp_path_factory):
    examples = dataset.read(files, size=SIZE, labels=("cold", "warm"))
    path = tmp_path_factory.mktemp("rows") / "pictures.bin"
    return rows.write(path, dataset.pixel_batches(examples))


def batches(source, augmentation=PLAIN, *, first_epoch=0, epoch_rows=None, **train):
    settings = TrainSettings(**{"epochs": 3, "batch_size": 4, "seed": 1, **train})
    return [
        (inputs.numpy(), labels.numpy())
        for inputs, labels in dataset.training_batches(
            source,
            train=settings,
            augmentation=augmentation,
            first_epoch=first_epoch,
            epoch_rows=epoch_rows,
        )
    ]


def numbers(some):
    return np.concatenate([inputs[:, 0] for inputs, _ in some]).astype(int).tolist()


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        assert all(map(np.array_equal, one, other))


def test_examples_come_with_pixels_label_and_digest(files, folder):
    [(pixels, labels, digests)] = dataset.read(files, size=SIZE, labels=("cold", "warm"))
    assert (pixels.shape, pixels.dtype) == ((10, SIZE, SIZE, 3), tf.uint8)
    expected = {
        hashlib.sha256(path.read_bytes()).hexdigest().encode(): int(path.parent.name == "warm")
        for path in folder.glob("*/*")
    }
    assert dict(zip(digests.numpy(), labels.numpy(), strict=True)) == expected


def test_label_is_its_place_among_the_labels(files):
    [(_, labels, digests)] = dataset.read(files, size=SIZE, labels=("cold", "warm"))
    [(_, turned, again)] = dataset.read(files[::-1], size=SIZE, labels=("warm", "cold"))
    assert digests.numpy().tolist() == again.numpy().tolist()
    assert (labels.numpy() == 1 - turned.numpy()).all()


def test_unknown_label_raises(files):
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(dataset.read(files, size=SIZE, labels=("cold", "hot")))


def test_pixels_of_another_size_raise(files):
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(dataset.read(files, size=SIZE + 1, labels=("cold", "warm")))


def test_each_epoch_holds_each_row_once_with_its_label(numbered):
    every = batches(numbered)
    assert [len(labels) for _, labels in every] == [4, 4, 2] * 3
    for epoch in range(3):
        assert sorted(numbers(every[3 * epoch : 3 * epoch + 3])) == list(range(10))
    for inputs, labels in every:
        assert labels.dtype == np.float32
        assert (inputs[:, 0] % 2 == labels).all()


def test_rows_are_shuffled_anew_each_epoch(numbered):
    order = numbers(batches(numbered))
    epochs = {tuple(order[start : start + 10]) for start in (0, 10, 20)} | {tuple(range(10))}
    assert len(epochs) == 4


def test_order_hangs_on_the_seed(numbered):
    assert_equal(batches(numbered), batches(numbered))
    assert numbers(batches(numbered, seed=2)) != numbers(batches(numbered))


def test_more_steps_than_the_data_fills_repeat_it(numbered):
    every = batches(numbered, steps_per_epoch=6, epochs=2)
    assert [len(labels) for _, labels in every] == [4] * 12
    for epoch in range(2):
        order = numbers(every[6 * epoch : 6 * epoch + 6])
        assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
        assert order[:10] != order[10:20]
        assert len(set(order[20:])) == 4


def test_fewer_rows_an_epoch_than_there_are_take_others_each_time(numbered):
    every = batches(numbered, epoch_rows=6, epochs=2)
    assert [len(labels) for _, labels in every] == [4, 2] * 2
    first, second = numbers(every[:2]), numbers(every[2:])
    assert len(set(first)) == len(set(second)) == 6
    assert set(first) != set(second)


def test_fewer_steps_than_the_data_fills_take_other_rows_each_epoch(numbered):
    every = batches(numbered, steps_per_epoch=1, epochs=3)
    chosen = [set(numbers([batch])) for batch in every]
    assert [len(each) for each in chosen] == [4, 4, 4]
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize(("first_epoch", "steps"), [(1, None), (2, 1), (2, 6)])
def test_later_epoch_is_what_it_is_in_the_full_run(pictures, first_epoch, steps):
    chosen = {"augmentation": CHANGING, "steps_per_epoch": steps}
    per_epoch = dataset.batch_count(len(pictures), batch_size=4, steps=steps)
    full, rest = batches(pictures, **chosen), batches(pictures, first_epoch=first_epoch, **chosen)
    assert len(full) == 3 * per_epoch
    assert_equal(full[first_epoch * per_epoch :], rest)


def test_augmentation_changes_each_image_anew_and_keeps_its_label(pictures):
    plain, changed = batches(pictures, epochs=2), batches(pictures, CHANGING, epochs=2)
    for (pixels, labels), (new_pixels, new_labels) in zip(plain, changed, strict=True):
        assert labels.tolist() == new_labels.tolist()
        assert (new_pixels.shape, new_pixels.dtype) == (pixels.shape, np.float32)
        differences = np.abs(new_pixels - pixels).mean(axis=(1, 2, 3))
        assert (differences > 1).all()
    # The mean level of an image hardly changes, so this is the same image twice.
    first = [pixels for batch in changed[:3] for pixels in batch[0]]
    second = [pixels for batch in changed[3:] for pixels in batch[0]]
    assert not any(np.array_equal(one, other) for one in first for other in second)


def test_augmentation_is_reproducible_and_hangs_on_the_seed(pictures):
    once = batches(pictures, CHANGING, epochs=1)
    assert_equal(once, batches(pictures, CHANGING, epochs=1))
    [(first, _), *_] = once
    [(other, _), *_] = batches(pictures, CHANGING, epochs=1, seed=2)
    assert not np.array_equal(first, other)


def test_validation_is_every_row_once_in_digest_order(numbered):
    chosen = dataset.validation_batches(numbered, batch_size=4, steps=None)
    for _ in range(2):
        got = [(inputs.numpy(), labels.numpy()) for inputs, labels in chosen]
        assert numbers(got) == list(range(10))
        assert [len(labels) for _, labels in got] == [4, 4, 2]


def test_validation_steps_take_the_first_batches(numbered):
    chosen = dataset.validation_batches(numbered, batch_size=4, steps=2)
    assert [inputs.numpy()[:, 0].tolist() for inputs, _ in chosen] == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(("size", "steps", "count"), [(4, None, 3), (5, None, 2), (4, 7, 7)])
def test_batches_of_an_epoch_are_counted(numbered, size, steps, count):
    assert dataset.batch_count(len(numbered), batch_size=size, steps=steps) == count


@pytest.mark.parametrize(("steps", "at_once"), [(100, 50), (63, 21), (61, 1), (40, 40), (1, 1)])
def test_an_epoch_is_cut_into_equal_parts_of_up_to_fifty_steps(steps, at_once):
    assert dataset.steps_at_once(steps, most=50) == at_once


@pytest.mark.parametrize(
    ("asked", "taken"),
    [((20, 50), (200, 5)), ((64, 7), (64, 7)), ((20, None), (256, None)), ((300, 2), (300, 2))],
)
def test_rows_that_nothing_is_learned_from_come_in_larger_batches(asked, taken):
    assert dataset.in_larger_batches(*asked) == taken
