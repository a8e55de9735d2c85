"""The network of a training: what is fed where, what the head measures, how it is calibrated."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from trainer import blocks, model, network
from trainer.errors import ConfigError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SETTINGS = TrainerSettings.model_validate({"image": {"size": 75}, "model": {"cut": "mixed1"}})
MAP = (7, 7, 256)


class FakeRows:
    """Made rows, and which of them were asked for."""

    def __init__(self, inputs, labels=None):
        self.inputs = inputs
        self.labels = np.zeros(len(inputs)) if labels is None else labels
        self.asked = []

    def __len__(self):
        return len(self.inputs)

    def take(self, positions):
        self.asked.extend(positions)
        return self.inputs[positions], self.labels[positions].astype(np.float32)


def frozen_at(line):
    base = SimpleNamespace(line=line, blocks=blocks.up_to(line))
    return SimpleNamespace(statistics=None, base=base)


def build(features, settings=SETTINGS):
    return network.build(
        settings,
        weights=None,
        class_count=2,
        features=features,
        calibration_pixels=lambda: np.random.default_rng(0).integers(0, 255, (4, 75, 75, 3)),
    )


@pytest.fixture(scope="module")
def on_pooled():
    return build(frozen_at("mixed1"))


@pytest.fixture(scope="module")
def above_the_line():
    return build(frozen_at("mixed0"))


@pytest.fixture(scope="module")
def live():
    return build(None)


def test_pooled_head_is_fed_the_columns_of_its_blocks(on_pooled):
    assert on_pooled.trained is on_pooled.classifier.head
    assert on_pooled.feed == network.Feed("pooled", (slice(0, 256 + 288),))


def test_what_is_above_the_frost_line_answers_as_the_whole(above_the_line):
    classifier = above_the_line.classifier
    head = classifier.head.get_layer("scores")
    head.set_weights(
        [np.random.default_rng(0).normal(size=weight.shape) for weight in head.weights]
    )
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 75, 75, 3)).astype(np.float32)
    base = network.base_of(classifier)
    below = keras.Model(base.inputs[0], base.get_layer("mixed0").output)
    maps = below(pixels / 127.5 - 1)
    assert maps.shape[1:] == MAP
    assert np.allclose(above_the_line.trained(maps), classifier.whole(pixels), atol=1e-5)
    assert np.allclose(above_the_line.front(maps), classifier.encoder(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("fixture", "shape"), [("on_pooled", (544,)), ("above_the_line", MAP), ("live", (75, 75, 3))]
)
def test_head_measures_the_features_that_it_will_be_fed(fixture, shape, request):
    built = request.getfixturevalue(fixture)
    rows = FakeRows(np.random.default_rng(0).uniform(0, 255, (9, *shape)).astype(np.float32))
    built.adapt(rows)
    features = rows.inputs if built.front is None else np.asarray(built.front(rows.inputs))
    normalized = np.asarray(built.classifier.head.get_layer("normalization")(features))
    assert np.allclose(normalized.mean(axis=0), 0, atol=1e-3)
    assert normalized.var() == pytest.approx(1, rel=0.05)


def test_head_is_not_kept_waiting_by_more_rows_than_it_needs(on_pooled):
    rows = FakeRows(np.random.default_rng(0).normal(size=(9000, 544)).astype(np.float32))
    on_pooled.adapt(rows)
    assert len(rows.asked) == network.ADAPT_ROWS
    assert (rows.asked[0], rows.asked[-1]) == (0, 8999)


def test_blocks_that_are_not_kept_are_refused():
    changed = SETTINGS.model.model_copy(update={"pooled_blocks": 3, "cut": "mixed2"})
    settings = SETTINGS.model_copy(update={"model": changed})
    with pytest.raises(ConfigError, match=r"pooled_blocks = 3 needs .* Accepted: up to 2,"):
        build(frozen_at("mixed1"), settings)


def test_calibration_is_in_the_scores_of_all_that_shares_the_head(live):
    pixels = np.random.default_rng(0).uniform(0, 255, (20, 75, 75, 3)).astype(np.float32)
    pixels[::2] *= 0.3
    features = np.asarray(live.classifier.encoder(pixels))
    # Dark images are scored 0.02, bright ones 0.98; a quarter of the labels says otherwise.
    normalized = np.asarray(live.classifier.head.get_layer("normalization")(features))
    dark, bright = normalized[::2].mean(axis=0), normalized[1::2].mean(axis=0)
    kernel = 8 * (bright - dark) / ((bright - dark) ** 2).sum()
    bias = -kernel @ (bright + dark) / 2
    live.classifier.head.get_layer("scores").set_weights([kernel[:, np.newaxis], bias[np.newaxis]])
    labels = np.tile([0, 1, 0, 1, 0, 1, 1, 0], 3)[:20]
    before = np.asarray(live.classifier.whole(pixels))
    found = live.calibrate(FakeRows(pixels, labels))
    assert found.images == 20
    assert found.temperature > 1.2
    expected = 1 / (1 + ((1 - before) / before) ** (1 / found.temperature))
    assert np.allclose(live.classifier.whole(pixels), expected, atol=1e-3)
    assert np.allclose(live.classifier.head(features), expected, atol=1e-3)


def test_classifier_has_no_threshold_before_it_is_calibrated(on_pooled):
    assert isinstance(on_pooled.classifier, model.Classifier)
    assert on_pooled.classifier.threshold is None
