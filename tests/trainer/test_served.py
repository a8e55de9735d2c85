"""What is served is the head on the folded base: of the pooled blocks, the map, or both sides."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import backbone, folded, model
from trainer.served import Served
from trainer.settings import ImageSettings, ModelSettings

pytestmark = pytest.mark.graph

IMAGE = ImageSettings(size=75)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 75, 75, 3), dtype=np.uint8)
MIRRORED = PIXELS[:, :, ::-1]


@pytest.fixture(scope="module")
def network():
    base = backbone.build(size=75, weights=None, cut="mixed1")
    backbone.calibrate(base, tf.constant(PIXELS / 127.5 - 1, tf.float32))
    return base


def both(network, **settings):
    """The classifier as Keras has it, and as it is served."""
    chosen = ModelSettings(cut="mixed1", dense_units=4, normalize=False, **settings)
    keras.utils.set_random_seed(0)
    built = model.build(network, image=IMAGE, model=chosen, class_count=3)
    base = folded.fold(network, image=IMAGE, precision="float32")
    served = Served(
        base, built.head, is_pooled=chosen.head == "pooled", both_sides=chosen.both_sides
    )
    return built, served


@pytest.mark.parametrize(
    "settings", [{"pooled_blocks": 1}, {"pooled_blocks": 2}, {"head": "flatten"}]
)
def test_served_scores_are_those_of_the_classifier(network, settings):
    built, served = both(network, **settings)
    assert np.ptp(built.whole(PIXELS)) > 0.01
    assert np.allclose(served(tf.constant(PIXELS)), built.whole(PIXELS), atol=1e-4)


def test_both_sides_are_scored_by_their_mean_features(network):
    built, served = both(network, both_sides=True)
    sides = [np.asarray(built.encoder(side)) for side in (PIXELS, MIRRORED)]
    expected = built.head(np.mean(sides, axis=0))
    assert not np.allclose(expected, built.whole(PIXELS), atol=1e-4)
    assert np.allclose(served(tf.constant(PIXELS)), expected, atol=1e-4)


def test_mirrored_image_has_the_scores_of_the_image(network):
    _, served = both(network, both_sides=True)
    scores = served(tf.constant(PIXELS))
    assert np.allclose(served(tf.constant(MIRRORED)), scores, atol=1e-5)
    assert np.ptp(scores, axis=0).max() > 1e-3
