"""The classifier: the course's network layer by layer, and what may differ from it."""

import keras
import numpy as np
import pytest

from pipeline.config import resolve
from trainer import backbone, blocks, model
from trainer.settings import ImageSettings, ModelSettings, TrainSettings

pytestmark = pytest.mark.graph

SMALL = ImageSettings(size=75)


@pytest.fixture(scope="module")
def course():
    settings = resolve(preset="course", file=None, overrides=(), weights=None)
    base = backbone.build(size=settings.image.size, weights=None, cut=settings.model.cut)
    built = model.build(base, image=settings.image, model=settings.model, class_count=2)
    model.compile_for_training(built.whole, settings.train, class_count=2, thawed=())
    return built


@pytest.fixture(scope="module")
def tiny_base():
    pixels = keras.Input((75, 75, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, activation="relu", name="thin")(pixels)
    return keras.Model(pixels, features, name="tiny")


@pytest.fixture(scope="module")
def blocks_base():
    """Three blocks with Inception V3's names and channels, and small maps."""
    pixels = keras.Input((75, 75, 3))
    x = keras.layers.AveragePooling2D(15)(pixels)
    for name in ("mixed6", "mixed7", "mixed8"):
        channels = blocks.CHANNELS[name]
        x = keras.layers.Conv2D(channels, 1, activation="relu", name=name)(x)
    return keras.Model(pixels, x, name="inception_v3")


def some_pixels(count=3):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (count, 75, 75, 3)).astype(np.float32)


def build(base, *, class_count=2, **settings):
    chosen = ModelSettings(**settings)
    return model.build(base, image=SMALL, model=chosen, class_count=class_count)


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_course_has_its_parameters(course):
    assert course.whole.count_params() == 47_512_481
    assert count(course.whole.trainable_weights) == 38_537_217


def test_course_head_is_flatten_dense_dropout_sigmoid(course):
    *_, base, flatten, dense, dropout, scores = course.whole.layers
    assert base.output_shape == (None, 7, 7, 768)
    assert isinstance(flatten, keras.layers.Flatten)
    assert (dense.units, dense.activation.__name__) == (1024, "relu")
    assert dropout.rate == 0.2
    assert (scores.units, scores.activation.__name__) == (1, "sigmoid")


def test_course_is_compiled_as_the_course_does(course):
    assert isinstance(course.whole.optimizer, keras.optimizers.RMSprop)
    assert float(course.whole.optimizer.learning_rate) == pytest.approx(1e-4)
    assert course.whole.loss == "binary_crossentropy"
    assert "accuracy" in course.whole.get_compile_config()["metrics"]


def test_course_feeds_pixels_divided_by_255(course):
    scaling = course.whole.get_layer("scaling")
    assert np.allclose(scaling(np.array([0.0, 255.0])), [0, 1])


def test_whole_is_the_head_on_the_encoder(tiny_base):
    built = build(tiny_base, dense_units=8)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 75, 75, 3)).astype(np.float32)
    together = built.whole(pixels, training=False)
    apart = built.head(built.encoder(pixels, training=False), training=False)
    assert np.allclose(together, apart, atol=1e-6)
    assert built.whole.layers[1].name == "scaling"


def test_more_than_two_classes_get_a_softmax(tiny_base):
    built = build(tiny_base, class_count=3)
    scores = np.asarray(built.whole(np.zeros((2, 75, 75, 3), np.float32)))
    assert scores.shape == (2, 3)
    assert np.allclose(scores.sum(axis=1), 1)
    model.compile_for_training(built.whole, TrainSettings(), class_count=3, thawed=())
    assert built.whole.loss == "sparse_categorical_crossentropy"


@pytest.mark.parametrize(("rate", "layers"), [(0.0, 0), (0.5, 1)])
def test_dropout_is_there_only_where_the_config_says_so(tiny_base, rate, layers):
    built = build(tiny_base, dropout=rate)
    dropouts = [each for each in built.head.layers if isinstance(each, keras.layers.Dropout)]
    assert len(dropouts) == layers


def test_pooled_head_averages_the_feature_map(tiny_base):
    assert build(tiny_base, head="pooled").encoder.output_shape == (None, 4)
    assert build(tiny_base, head="flatten").encoder.output_shape == (None, 10 * 10 * 4)


@pytest.mark.parametrize(("count", "features"), [(1, 1280), (2, 768 + 1280), (5, 2816)])
def test_pooled_head_is_fed_the_cut_and_the_blocks_below_it(blocks_base, count, features):
    assert build(blocks_base, pooled_blocks=count).encoder.output_shape == (None, features)


def test_columns_of_stored_features_are_what_the_encoder_gives(blocks_base):
    below = [blocks.Block(name, blocks.CHANNELS[name]) for name in ("mixed6", "mixed7", "mixed8")]
    everything = np.asarray(build(blocks_base, pooled_blocks=3).encoder(some_pixels()))
    for count in (1, 2, 3):
        settings = ModelSettings(pooled_blocks=count)
        fed = build(blocks_base, pooled_blocks=count).encoder(some_pixels())
        assert np.allclose(everything[:, model.columns(settings, below)], fed, atol=1e-5)


def test_adapted_head_is_fed_features_that_are_centred_and_scaled_by_block(blocks_base):
    built = build(blocks_base)
    features = np.asarray(built.encoder(some_pixels(8)))
    model.adapt(built.head, [features[:3], features[3:]])
    normalized = np.asarray(built.head.get_layer("normalization")(features))
    assert np.allclose(normalized.mean(axis=0), 0, atol=1e-3)
    for block in np.split(normalized, [768], axis=1):
        assert block.var(axis=0).mean() == pytest.approx(1, rel=1e-2)


def test_adapting_a_head_that_measures_nothing_reads_no_rows(tiny_base):
    def rows():
        raise AssertionError("nobody needs these rows")
        yield

    model.adapt(build(tiny_base, normalize=False).head, rows())


def test_untrained_linear_head_prefers_no_class(tiny_base):
    features = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    assert np.allclose(build(tiny_base).head(features), 0.5)
    assert np.allclose(build(tiny_base, class_count=5).head(features), 0.2)
    assert not np.allclose(build(tiny_base, dense_units=8).head(features), 0.5)


@pytest.mark.parametrize("class_count", [2, 8])
def test_penalty_is_shared_out_among_the_classes(tiny_base, class_count):
    head = build(tiny_base, class_count=class_count, l2=0.3).head
    kernel = head.get_layer("scores").kernel
    kernel.assign(np.ones(kernel.shape))
    [penalty] = head.losses
    assert float(penalty) == pytest.approx(0.3 / class_count * np.prod(kernel.shape))
    assert not build(tiny_base, l2=0.0).head.losses


def test_cosine_lets_the_learning_rate_fall_from_epoch_to_epoch(tiny_base):
    train = TrainSettings(learning_rate=0.1, epochs=4)
    head = build(tiny_base).head
    model.compile_for_training(head, train, class_count=2, thawed=())
    rows = np.zeros((2, 4), np.float32), np.zeros(2)
    log = head.fit(*rows, epochs=4, callbacks=model.learning_rates(train), verbose=0)
    assert np.allclose(log.history["learning_rate"], [0.1, 0.085355, 0.05, 0.014645], atol=1e-6)


def test_constant_learning_rate_needs_no_schedule():
    assert not model.learning_rates(TrainSettings(learning_rate_schedule="constant"))


@pytest.mark.parametrize("name", ["rmsprop", "adam", "sgd"])
def test_thawed_variables_learn_at_their_own_rate(tiny_base, name):
    train = TrainSettings(optimizer=name, learning_rate=0.1, thaw_learning_rate=0.001, base="live")
    built = build(tiny_base)
    thawed = built.whole.get_layer("tiny").get_layer("thin").kernel
    head = built.head.get_layer("scores").kernel
    model.compile_for_training(built.whole, train, class_count=2, thawed=[thawed])
    before = [np.asarray(thawed), np.asarray(head)]
    # The same gradient for both, so that only the rates can make a difference.
    gradients = [keras.ops.ones_like(variable) for variable in built.whole.trainable_variables]
    built.whole.optimizer.apply(gradients, built.whole.trainable_variables)
    steps = [np.abs(old - new).mean() for old, new in zip(before, (thawed, head), strict=True)]
    assert steps[0] / steps[1] == pytest.approx(0.01, rel=1e-3)


def test_scores_stay_full_precision_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        pixels = keras.Input((75, 75, 3))
        base = keras.Model(pixels, keras.layers.Conv2D(4, 3, strides=8)(pixels))
        built = build(base)
    finally:
        keras.config.set_dtype_policy(before)
    assert base.layers[1].compute_dtype == "bfloat16"
    assert built.encoder.layers[-1].compute_dtype == "float32"
    assert built.whole.layers[-1].compute_dtype == "float32"
