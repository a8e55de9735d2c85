"""Augmentation looks, and is drawn, as Keras' ImageDataGenerator does it."""

from dataclasses import asdict

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from trainer.augment import Transform, apply, augment, draw
from trainer.settings import AugmentSettings

pytestmark = [
    pytest.mark.graph,
    pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning"),
]

COURSE = AugmentSettings(enabled=True)
LOPSIDED = AugmentSettings(
    rotation_degrees=25, width_shift=0.1, height_shift=0.4, shear_degrees=15, zoom=0.5
)
NOTHING = AugmentSettings(
    rotation_degrees=0,
    width_shift=0,
    height_shift=0,
    shear_degrees=0,
    zoom=0,
    horizontal_flip=False,
)
HEIGHT, WIDTH = 60, 90
AFFINE = ("theta", "tx", "ty", "shear", "zx", "zy")
# Grey levels of 255: TensorFlow reckons positions in float32, scipy in float64.
TOLERANCE = 0.05
DRAWS = 20_000
# Two honest samples of 20,000 lie further apart than this once in 1,500 times.
KS_DISTANCE = 0.02


def noise(height: int, width: int) -> np.ndarray:
    """Uncorrelated pixels, on which a wrong position shows most."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def generator(settings: AugmentSettings = COURSE):
    return tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=settings.rotation_degrees,
        width_shift_range=settings.width_shift,
        height_shift_range=settings.height_shift,
        shear_range=settings.shear_degrees,
        zoom_range=settings.zoom,
        horizontal_flip=settings.horizontal_flip,
        fill_mode="nearest",
    )


def as_keras_does(pixels: np.ndarray, transform: Transform) -> np.ndarray:
    parameters = {key: np.asarray(value).item() for key, value in asdict(transform).items()}
    parameters["flip_horizontal"] = parameters.pop("flip")
    return generator().apply_transform(pixels.astype(np.float32), parameters)


def difference(pixels: np.ndarray, transform: Transform) -> float:
    ours = apply(tf.constant(pixels), transform).numpy()
    return float(np.abs(ours - as_keras_does(pixels, transform)).max())


@pytest.mark.parametrize("shape", [(75, 75), (60, 90), (91, 40)], ids=str)
@pytest.mark.parametrize(
    "transform",
    [
        Transform(),
        Transform(theta=33.0),
        Transform(theta=-40.0),
        Transform(theta=90.0),
        Transform(theta=180.0),
        Transform(tx=12.0),
        Transform(tx=-7.3),
        Transform(ty=12.0),
        Transform(ty=-7.3),
        Transform(tx=1000.0, ty=-1000.0),
        Transform(shear=0.2),
        Transform(shear=-30.0),
        Transform(shear=89.0),
        Transform(zx=0.8),
        Transform(zx=3.0),
        Transform(zy=1.2),
        Transform(zy=0.01),
        Transform(flip=True),
        Transform(theta=20.0, tx=5.5, ty=-9.25, shear=12.0, zx=0.85, zy=1.15),
        Transform(theta=-135.0, tx=40.0, ty=25.0, shear=-60.0, zx=0.1, zy=2.5, flip=True),
    ],
    ids=str,
)
def test_given_change_gives_the_picture_of_imagedatagenerator(transform, shape):
    assert difference(noise(*shape), transform) < TOLERANCE


def test_hundred_drawn_changes_give_the_pictures_of_imagedatagenerator():
    pixels = noise(HEIGHT, WIDTH)
    worst = 0.0
    for number in range(100):
        drawn = draw(LOPSIDED, height=HEIGHT, width=WIDTH, seed=tf.constant([1, number]))
        expected = as_keras_does(pixels, drawn)
        ours = augment(tf.constant(pixels), LOPSIDED, seed=tf.constant([1, number]))
        worst = max(worst, float(np.abs(ours.numpy() - expected).max()))
    assert worst < TOLERANCE


def test_large_image_stays_as_close_as_a_small_one():
    transform = Transform(theta=31.0, tx=150.0, ty=-90.0, shear=8.0, zx=1.2, zy=0.8, flip=True)
    assert difference(noise(1024, 1024), transform) < TOLERANCE


def test_bytes_and_floats_give_the_same_float_picture():
    pixels = noise(HEIGHT, WIDTH)
    transform = Transform(theta=20.0, flip=True)
    of_bytes = apply(tf.constant(pixels), transform)
    of_floats = apply(tf.constant(pixels, tf.float32), transform)
    assert of_bytes.dtype == of_floats.dtype == tf.float32
    np.testing.assert_array_equal(of_bytes, of_floats)


def test_no_range_leaves_every_pixel_alone():
    pixels = tf.constant(noise(HEIGHT, WIDTH))
    np.testing.assert_array_equal(augment(pixels, NOTHING, seed=tf.constant([1, 2])), pixels)


def test_flip_alone_mirrors_to_the_bit():
    pixels = tf.constant(noise(HEIGHT, WIDTH))
    np.testing.assert_array_equal(apply(pixels, Transform(flip=True)), pixels[:, ::-1])


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """Parameter -> the values that Frostline draws."""

    def parameters(number: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.constant(5, tf.int64), number])
        return asdict_of_tensors(draw(LOPSIDED, height=HEIGHT, width=WIDTH, seed=seed))

    batches = tf.data.Dataset.range(DRAWS).map(parameters).batch(DRAWS)
    return {key: value.numpy() for key, value in next(iter(batches)).items()}


def asdict_of_tensors(transform: Transform) -> dict[str, tf.Tensor]:
    return {key: getattr(transform, key) for key in (*AFFINE, "flip")}


@pytest.fixture(scope="module")
def drawn_by_keras() -> dict[str, np.ndarray]:
    """Parameter -> the values that ImageDataGenerator draws from one stream, as in use."""
    np.random.seed(0)
    keras_draws = generator(LOPSIDED)
    draws = [keras_draws.get_random_transform((HEIGHT, WIDTH, 3)) for _ in range(DRAWS)]
    return {key: np.array([one[key] for one in draws]) for key in AFFINE}


@pytest.mark.parametrize("name", AFFINE)
def test_parameter_is_distributed_as_imagedatagenerator_draws_it(name, drawn, drawn_by_keras):
    ours, theirs = drawn[name], drawn_by_keras[name]
    result = stats.ks_2samp(ours, theirs)
    assert result.statistic < KS_DISTANCE  # pyright: ignore[reportAttributeAccessIssue]
    assert ours.min() == pytest.approx(theirs.min(), abs=0.002 * np.ptp(theirs))
    assert ours.max() == pytest.approx(theirs.max(), abs=0.002 * np.ptp(theirs))


def test_parameters_do_not_follow_one_another(drawn):
    correlation = np.corrcoef([values.astype(float) for values in drawn.values()])
    assert np.abs(correlation - np.eye(len(drawn))).max() < 0.03


def test_half_of_the_images_are_flipped(drawn):
    assert drawn["flip"].mean() == pytest.approx(0.5, abs=0.015)


def test_no_image_is_flipped_where_flipping_is_off():
    upright = LOPSIDED.model_copy(update={"horizontal_flip": False})
    seeds = (tf.constant([3, number]) for number in range(20))
    assert not any(draw(upright, height=9, width=9, seed=seed).flip for seed in seeds)


def test_same_seed_gives_the_same_picture_and_another_seed_another():
    pixels = tf.constant(noise(HEIGHT, WIDTH))
    first, again, other = (
        augment(pixels, COURSE, seed=tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 10


def test_tf_data_gives_the_eager_picture_and_knows_its_shape():
    pixels = tf.constant(noise(HEIGHT, WIDTH))

    def changed(number: tf.Tensor) -> tf.Tensor:
        return augment(pixels, COURSE, seed=tf.stack([tf.constant(4, tf.int64), number]))

    mapped = tf.data.Dataset.range(8).map(changed, num_parallel_calls=4)
    assert mapped.element_spec == tf.TensorSpec((HEIGHT, WIDTH, 3), tf.float32)
    for number, picture in enumerate(mapped):
        eager = changed(tf.constant(number, tf.int64))
        np.testing.assert_allclose(picture, eager, atol=TOLERANCE)
