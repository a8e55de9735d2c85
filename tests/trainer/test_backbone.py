"""The base is Keras' Inception V3, cut by name, frozen, thawed or calibrated as asked."""

import shutil

import h5py
import numpy as np
import pytest

from trainer.errors import ConfigError, WeightsError

pytestmark = pytest.mark.graph

SIZE = 75


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture(scope="module")
def backbone():
    from trainer import backbone

    return backbone


@pytest.fixture(scope="module")
def images():
    """16 seeded images float32 [16, 75, 75, 3] in -1..1: a few blobs and some noise."""
    rng = np.random.default_rng(1)
    coarse = rng.uniform(-1, 1, (16, 5, 5, 3)).repeat(15, axis=1).repeat(15, axis=2)
    noise = rng.uniform(-1, 1, (16, SIZE, SIZE, 3))
    return (0.8 * coarse + 0.2 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def keras_network(keras):
    """Keras' own network, whose every weight is random, batch norm included."""
    network = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(SIZE, SIZE, 3)
    )
    rng = np.random.default_rng(2)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.1, 0.3, w.shape) for w in layer.weights])
    return network


@pytest.fixture(scope="module")
def weights_path(keras_network, tmp_path_factory):
    """The weights of `keras_network` in the layout of Keras' published file."""
    path = tmp_path_factory.mktemp("weights") / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in keras_network.layers]
        for layer in keras_network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}" for weight in layer.weights]
            group.attrs["weight_names"] = np.array(names, dtype="S")
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
    return path


@pytest.fixture(scope="module")
def base(backbone, weights_path):
    """Cut at mixed7 with the weights of `weights_path`; tests may thaw it as they like."""
    return backbone.build(size=SIZE, weights=weights_path, cut="mixed7")


@pytest.fixture(scope="module")
def random_base(backbone):
    """Random and not calibrated, cut at a batch norm just below mixed7."""
    return backbone.build(size=SIZE, weights=None, cut="batch_normalization_69", seed=3)


@pytest.fixture
def edited(weights_path, tmp_path):
    """A function that opens a copy of the weights file to spoil it, and returns its path."""

    def edit(change):
        path = shutil.copy(weights_path, tmp_path / "edited.h5")
        with h5py.File(path, "a") as file:
            change(file)
        return path

    return edit


def kernel_names(file):
    """Paths of all convolution kernels in the order of the network."""
    names = [file[layer].attrs["weight_names"] for layer in file.attrs["layer_names"]]
    return [
        f"{each[0].decode().split('/')[0]}/{each[0].decode()}" for each in names if len(each) == 1
    ]


def test_at_150_pixels_mixed7_is_7_by_7_by_768_and_nothing_trains(backbone):
    base = backbone.build(size=150, weights=None, cut="mixed7")
    assert base.input_shape == (None, 150, 150, 3)
    assert base.output_shape == (None, 7, 7, 768)
    assert base.name == "inception_v3"
    assert base.count_params() == 8_975_264
    assert base.trainable_weights == []
    assert not any(layer.trainable for layer in base.layers)


def test_the_file_gives_the_features_that_keras_itself_gives(keras, keras_network, base, images):
    expected = keras.Model(keras_network.input, keras_network.get_layer("mixed7").output)(images)
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(base(images), expected, rtol=1e-5, atol=1e-6)


def test_names_are_those_of_the_first_model_of_a_process(base):
    names = [layer.name for layer in base.layers]
    assert names[:5] == ["input_layer", "conv2d", "batch_normalization", "activation", "conv2d_1"]
    # Read in the published file, where branches are stored in this order.
    convolutions = [name for name in names if name.startswith("conv2d")]
    assert convolutions[4:12] == [f"conv2d_{n}" for n in (4, 8, 6, 9, 5, 7, 10, 11)]
    assert base.inputs[0].name == "input_layer"


def test_names_are_those_in_the_published_file(backbone, imagenet_weights):
    base = backbone.build(size=SIZE, weights=imagenet_weights, cut="mixed8")
    with h5py.File(imagenet_weights) as file:
        stored = np.asarray(file.attrs["layer_names"]).tolist()
    names = [layer.name for layer in base.layers]
    assert stored[: len(names)] == names


def test_any_layer_can_be_the_cut(backbone):
    base = backbone.build(size=SIZE, weights=None, cut="activation_3")
    assert base.layers[-1].name == "activation_3"
    assert base.output_shape[-1] == 80


def test_an_unknown_cut_lists_the_valid_ones(backbone):
    blocks = ", ".join(f"mixed{n}" for n in range(11))
    expected = f'model.cut = "activatoin_69" .*Accepted: {blocks}, or any.*Similar.* activation_69'
    with pytest.raises(ConfigError, match=expected):
        backbone.build(size=SIZE, weights=None, cut="activatoin_69")


def test_the_input_is_no_cut(backbone):
    with pytest.raises(ConfigError, match=r'model\.cut = "input_layer" is no layer'):
        backbone.build(size=SIZE, weights=None, cut="input_layer")


def test_the_first_layer_of_another_shape_is_named_with_both_shapes(backbone, edited):
    def shrink(file):
        name = kernel_names(file)[5]
        del file[name]
        file[name] = np.ones((3, 3, 2, 2), np.float32)

    path = edited(shrink)
    expected = (
        r'edited.h5 does not fit .*\(3, 3, 2, 2\)\], but "conv2d_8" needs \[\(1, 1, 192, 64\)\]'
    )
    with pytest.raises(WeightsError, match=expected):
        backbone.build(size=SIZE, weights=path, cut="mixed7")


def blank_the_last(file):
    file[kernel_names(file)[-1]][...] = 0


def test_a_blank_layer_below_the_cut_is_an_error_that_names_a_usable_cut(backbone, edited):
    path = edited(blank_the_last)
    expected = r'no weights for "conv2d_93" .*"mixed10" needs\. .*--set model\.cut=mixed9'
    with pytest.raises(WeightsError, match=expected):
        backbone.build(size=SIZE, weights=path, cut="mixed10")


def test_a_blank_layer_above_the_cut_does_no_harm(backbone, edited):
    base = backbone.build(size=SIZE, weights=edited(blank_the_last), cut="mixed9")
    assert base.layers[-1].name == "mixed9"


def test_a_file_that_is_blank_from_the_start_is_refused(backbone, edited):
    def blank_the_first(file):
        file[kernel_names(file)[0]][...] = 0

    with pytest.raises(WeightsError, match=r'no weights for "conv2d" .*Pass another file'):
        backbone.build(size=SIZE, weights=edited(blank_the_first), cut="mixed0")


def test_the_same_seed_gives_the_same_weights_whatever_the_cut_and_size(backbone, random_base):
    again = backbone.build(size=96, weights=None, cut="mixed2", seed=3)
    for layer in again.layers:
        for weight, same in zip(
            layer.weights, random_base.get_layer(layer.name).weights, strict=True
        ):
            np.testing.assert_array_equal(weight, same)


def test_another_seed_gives_other_weights(backbone, random_base):
    other = backbone.build(size=SIZE, weights=None, cut="mixed0", seed=4)
    kernel = np.asarray(other.get_layer("conv2d_1").kernel)
    assert np.abs(kernel - random_base.get_layer("conv2d_1").kernel).max() > 0.01


def test_thawing_makes_the_convolutions_from_the_named_layer_up_trainable(keras, backbone, base):
    thawed = backbone.thaw(base, "mixed6")
    assert {layer.name for layer in thawed} == {f"conv2d_{n}" for n in range(60, 70)}
    whole = keras.Sequential([keras.Input(base.input_shape[1:]), base])
    kernels = [id(layer.kernel) for layer in thawed]
    assert [id(weight) for weight in whole.trainable_weights] == kernels


def test_thawing_from_nothing_freezes_again(backbone, base):
    backbone.thaw(base, "mixed6")
    assert backbone.thaw(base, None) == []
    assert base.trainable_weights == []
    assert not any(layer.trainable for layer in base.layers)


def test_thawing_anew_forgets_what_was_thawed(backbone, base):
    backbone.thaw(base, "mixed5")
    assert len(base.trainable_weights) == 20
    backbone.thaw(base, "mixed6")
    assert len(base.trainable_weights) == 10


@pytest.mark.parametrize(
    ("thaw_from", "line"),
    [(None, "mixed7"), ("mixed6", "mixed6"), ("conv2d_60", "mixed6"), ("activation_59", "mixed5")],
)
def test_frost_line_is_the_last_block_below_what_is_thawed(backbone, base, thaw_from, line):
    assert backbone.frost_line(base, thaw_from) == line


@pytest.mark.parametrize("name", ["conv2d_3", "max_pooling2d", "no_such_layer"])
def test_no_frost_line_without_a_whole_block_below(backbone, base, name):
    with pytest.raises(ConfigError, match=r'train\.base = "live"'):
        backbone.frost_line(base, name)


def test_check_refuses_to_keep_features_of_nothing(backbone, weights_path):
    thawed = {"cut": "mixed1", "thaw_from": "conv2d_3"}
    backbone.check(weights_path, **thawed)
    with pytest.raises(ConfigError, match="leaves no whole block"):
        backbone.check(weights_path, **thawed, is_cached=True)


def test_batch_norm_of_a_thawed_base_stays_in_inference_mode(keras, backbone, base, images):
    backbone.thaw(base, "conv2d")
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [np.asarray(weight) for norm in norms for weight in norm.weights]
    inference = np.asarray(base(images, training=False))
    np.testing.assert_array_equal(base(images, training=True), inference)
    after = [weight for norm in norms for weight in norm.weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert len(base.trainable_weights) == 70


@pytest.mark.parametrize("name", ["mixed7", "mixed9", "conv2d_93", "mixd6"])
def test_thawing_from_a_layer_that_is_not_below_the_cut_lists_the_valid_ones(backbone, base, name):
    blocks = ", ".join(f"mixed{n}" for n in range(7))
    with pytest.raises(ConfigError, match=f'"{name}" .*"mixed7".*Accepted: {blocks}, or any other'):
        backbone.thaw(base, name)
    assert base.trainable_weights == []


def test_thawing_from_above_the_last_convolution_is_an_error(backbone, base):
    with pytest.raises(ConfigError, match='"activation_69" leaves nothing to train'):
        backbone.thaw(base, "activation_69")


def test_features_of_a_random_base_vanish_until_it_is_calibrated(backbone, images):
    base = backbone.build(size=SIZE, weights=None, cut="batch_normalization_69")
    assert np.std(base(images), axis=(0, 1, 2)).max() < 0.01
    backbone.calibrate(base, images)
    features = np.asarray(base(images), np.float64)
    np.testing.assert_allclose(features.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(features.std(axis=(0, 1, 2)), 1, atol=0.05)


def test_a_calibrated_base_is_frozen_and_no_longer_follows_its_input(backbone, images):
    base = backbone.build(size=SIZE, weights=None, cut="mixed2")
    backbone.calibrate(base, images)
    assert base.trainable_weights == []
    features = np.asarray(base(images))
    base(0.1 * images, training=True)
    np.testing.assert_array_equal(base(images), features)


def test_calibration_depends_on_nothing_but_seed_and_images(backbone, images):
    once, twice = (backbone.build(size=SIZE, weights=None, cut="mixed0") for _ in range(2))
    backbone.calibrate(once, images)
    backbone.calibrate(twice, 0.5 * images[::-1] + 0.3)
    backbone.calibrate(twice, images)
    for one, other in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_check_accepts_what_can_be_built(backbone, weights_path):
    backbone.check(weights_path, cut="mixed8", thaw_from="mixed7")


def test_check_raises_what_building_and_thawing_would_raise(backbone, edited):
    path = edited(blank_the_last)
    with pytest.raises(WeightsError, match="no weights for"):
        backbone.check(path, cut="mixed10")
    with pytest.raises(ConfigError, match="nothing to train"):
        backbone.check(None, cut="mixed2", thaw_from="mixed2")
