"""Features are centred, and the features of a block keep their proportions."""

import keras
import numpy as np
import pytest

from trainer.normalization import BlockNormalization

pytestmark = pytest.mark.graph

WIDTHS = (2, 3)


def some_rows(count=500):
    rng = np.random.default_rng(0)
    return rng.normal([5, -3, 100, 100, 7], [1, 3, 40, 20, 0], (count, 5)).astype(np.float32)


def adapted(*batches):
    layer = BlockNormalization(WIDTHS)
    layer.adapt(batches)
    return layer


def test_each_feature_has_mean_zero_afterwards():
    rows = some_rows()
    assert np.allclose(np.asarray(adapted(rows)(rows)).mean(axis=0), 0, atol=1e-4)


def test_each_block_has_variance_one_and_keeps_its_proportions():
    rows = some_rows()
    deviations = np.asarray(adapted(rows)(rows)).std(axis=0)
    for block in np.split(deviations, [2]):
        assert (block**2).mean() == pytest.approx(1, rel=1e-3)
    assert deviations[1] / deviations[0] == pytest.approx(rows[:, 1].std() / rows[:, 0].std())


def test_batches_are_one_data_set():
    rows = some_rows()
    whole, parts = adapted(rows), adapted(rows[:10], rows[10:])
    assert np.allclose(whole(rows), parts(rows), atol=1e-5)


def test_block_that_never_changes_becomes_zero_and_not_nan():
    rows = np.tile(np.array([1, 2, 3, 4, 5], np.float32), (4, 1))
    assert np.asarray(adapted(rows)(rows)).tolist() == np.zeros((4, 5)).tolist()


def test_layer_passes_features_on_until_it_is_adapted():
    rows = some_rows(3)
    assert np.array_equal(BlockNormalization(WIDTHS)(rows), rows)


def test_training_leaves_what_was_measured():
    layer = adapted(some_rows())
    assert not layer.trainable_variables


def test_what_was_measured_is_saved_with_the_weights(tmp_path):
    rows = some_rows()
    heads = [keras.Sequential([keras.Input((5,)), BlockNormalization(WIDTHS)]) for _ in range(2)]
    heads[0].layers[0].adapt([rows])
    heads[0].save_weights(tmp_path / "head.weights.h5")
    heads[1].load_weights(tmp_path / "head.weights.h5")
    assert np.array_equal(heads[0](rows), heads[1](rows))


def test_layer_can_be_made_again_from_its_config():
    again = BlockNormalization.from_config(adapted(some_rows()).get_config())
    assert again.widths == WIDTHS
