"""The folded base answers as Keras' own network, from pixels to the map and the pooled means."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import backbone, blocks, folded, images
from trainer.settings import ImageSettings

pytestmark = pytest.mark.graph

SIZE = 75


def scaled(pixels, scaling):
    factor, offset = images.scaling_constants(scaling)
    return tf.cast(pixels, tf.float32) * factor + offset


def largest_difference(answer, expected):
    """Relative to the largest number."""
    return np.abs(answer - expected).max() / np.abs(expected).max()


def similarities(answer, expected):
    """The cosine of the angle between both, an image."""
    one, other = (
        np.reshape(each, [len(each), -1]).astype(np.float64) for each in (answer, expected)
    )
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


@pytest.fixture(scope="module")
def pixels():
    """16 seeded images uint8 [16, 75, 75, 3]: a few blobs and some noise."""
    rng = np.random.default_rng(1)
    coarse = rng.uniform(0, 255, (16, 5, 5, 3)).repeat(15, axis=1).repeat(15, axis=2)
    noise = rng.uniform(0, 255, (16, SIZE, SIZE, 3))
    return tf.constant((0.8 * coarse + 0.2 * noise).astype(np.uint8))


@pytest.fixture(scope="module")
def image():
    return ImageSettings(size=SIZE)


def made_base(cut, pixels, image):
    """Random and calibrated.

    With offsets of 0, such a network multiplies each rounding error by 30 from mixed3 to mixed10,
    Keras' own no less. Offsets of 1 make it as calm as a trained one.
    """
    base = backbone.build(size=SIZE, weights=None, cut=cut)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(tf.ones_like(layer.beta))  # pyright: ignore[reportOptionalMemberAccess]
    backbone.calibrate(base, scaled(pixels, image.scaling))
    return base


@pytest.fixture(scope="module")
def base(image, pixels):
    """Cut at the last block."""
    return made_base("mixed10", pixels, image)


def cut_at(base, name):
    return keras.Model(base.inputs[0], base.get_layer(name).output)


@pytest.mark.parametrize(
    "cut",
    [
        *("conv2d", "batch_normalization", "activation", "activation_1", "max_pooling2d"),
        *("average_pooling2d_1", "conv2d_42", "batch_normalization_42", "activation_42", "mixed8"),
    ],
)
def test_map_is_that_of_keras_wherever_the_base_is_cut(base, image, pixels, cut):
    network = cut_at(base, cut)
    expected = network(scaled(pixels, image.scaling)).numpy()
    answer = folded.fold(network, image=image, precision="float32")(pixels).map.numpy()
    assert largest_difference(answer, expected) <= 1e-5


@pytest.mark.parametrize("scaling", ["minus_one_to_one", "zero_to_one"])
def test_scaling_of_the_pixels_is_folded_in(base, pixels, scaling):
    network, image = cut_at(base, "activation_1"), ImageSettings(size=SIZE, scaling=scaling)
    answer = folded.fold(network, image=image, precision="float32")(pixels).map.numpy()
    assert largest_difference(answer, network(scaled(pixels, scaling)).numpy()) <= 1e-5


@pytest.mark.parametrize("cut", ["mixed9_0", "mixed10"])
def test_last_blocks_are_folded_too(base, image, pixels, cut):
    network = cut_at(base, cut)
    answer = folded.fold(network, image=image, precision="float32")(pixels).map.numpy()
    # Keras' own rounding has grown to 3e-5 up here.
    assert largest_difference(answer, network(scaled(pixels, image.scaling)).numpy()) <= 1e-4


def test_pooled_columns_are_the_means_of_each_block(base, image, pixels):
    one = folded.fold(cut_at(base, "mixed8"), image=image, precision="float32")
    assert one.blocks == blocks.up_to("mixed8")
    outputs = [base.get_layer(block.name).output for block in one.blocks]
    maps = keras.Model(base.inputs[0], outputs)(scaled(pixels, image.scaling))
    pooled = one(pixels).pooled.numpy()
    assert pooled.shape == (16, blocks.width(one.blocks))
    for block, whole in zip(one.blocks, maps, strict=True):
        means = pooled[:, blocks.columns(one.blocks, block.name)]
        assert largest_difference(means, whole.numpy().mean(axis=(1, 2))) <= 1e-5, block


def test_topmost_columns_are_the_last_of_all(base, image, pixels):
    features = folded.fold(cut_at(base, "mixed2"), image=image, precision="float32")(pixels[:2])
    for columns in (288, 300, 576, 832):
        assert np.array_equal(features.topmost(columns), features.pooled[:, -columns:]), columns


def test_cut_inside_a_block_is_pooled_last(base, image, pixels):
    network = cut_at(base, "activation_42")
    one = folded.fold(network, image=image, precision="float32")
    *below, cut = one.blocks
    assert tuple(below) == blocks.up_to("mixed4")
    assert (cut.name, cut.channels) == ("activation_42", 160)
    means = network(scaled(pixels, image.scaling)).numpy().mean(axis=(1, 2))
    answer = one(pixels).pooled.numpy()[:, blocks.columns(one.blocks, "activation_42")]
    assert largest_difference(answer, means) <= 1e-5


def test_features_of_an_image_are_the_same_in_any_batch(base, image, pixels):
    one = folded.fold(cut_at(base, "mixed5"), image=image, precision="float32")
    alone = np.concatenate([one(pixels[place : place + 1]).pooled for place in range(4)])
    assert largest_difference(alone, one(pixels[:4]).pooled.numpy()) <= 1e-5


def test_what_was_trained_is_folded_as_it_is_now(pixels):
    image = ImageSettings(size=SIZE)
    base = made_base("mixed7", pixels, image)
    before = folded.fold(base, image=image, precision="float32")
    for layer in backbone.thaw(base, "mixed6"):
        layer.kernel.assign(layer.kernel * 1.1)
    expected = base(scaled(pixels, image.scaling)).numpy()
    after = folded.fold(base, image=image, precision="float32")
    assert largest_difference(after(pixels).map.numpy(), expected) <= 1e-5
    assert largest_difference(before(pixels).map.numpy(), expected) > 1e-2


def test_bfloat16_gives_nearly_the_same_features_of_every_image(base, image, pixels):
    network = cut_at(base, "mixed7")
    expected = network(scaled(pixels, image.scaling)).numpy()
    features = folded.fold(network, image=image, precision="bfloat16")(pixels)
    assert features.map.dtype == tf.bfloat16
    assert features.pooled.dtype == tf.float32
    assert similarities(features.map.numpy(), expected).min() >= 0.999


@pytest.fixture(scope="module")
def photographs(photos):
    paths = sorted(photos.glob("train/*/*"))[::80]
    return tf.constant([path.read_bytes() for path in paths])


@pytest.mark.parametrize(
    ("size", "cut", "scaling"),
    [(150, "mixed7", "zero_to_one"), (299, "mixed8", "minus_one_to_one")],
)
def test_photographs_have_the_features_of_the_pretrained_network(
    imagenet_weights, photographs, size, cut, scaling
):
    image = ImageSettings(size=size, scaling=scaling)
    network = backbone.build(size=size, weights=imagenet_weights, cut=cut)
    pixels = images.pixels_from_bytes(photographs, size)
    expected = network(scaled(pixels, scaling)).numpy()
    full, half = (
        folded.fold(network, image=image, precision=precision)(pixels).map.numpy()
        for precision in ("float32", "bfloat16")
    )
    assert largest_difference(full, expected) <= 1e-5
    assert similarities(half, expected).min() >= 0.999


def nodes(function, pixels):
    """What runs for `function(pixels)`, once TensorFlow has optimized it, and not what it calls."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        fed = tf.compat.v1.placeholder(tf.uint8, [None, *pixels.shape[1:]])
        metadata = tf.compat.v1.RunMetadata()
        session.run(
            tf.identity(function(fed)),
            {fed: pixels.numpy()},
            options=tf.compat.v1.RunOptions(output_partition_graphs=True),
            run_metadata=metadata,
        )
    return [node for graph in metadata.partition_graphs for node in graph.node]


def operations(function, pixels):
    return collections.Counter(node.op for node in nodes(function, pixels))


def test_graph_computes_only_what_is_asked_for(base, image, pixels):
    one = folded.fold(cut_at(base, "mixed2"), image=image, precision="float32")
    for wanted, means in (
        (lambda fed: one(fed).map, 0),
        (lambda fed: one(fed).topmost(288), 1),
        (lambda fed: one(fed).topmost(289), 2),
        (lambda fed: one(fed).pooled, 3),
    ):
        ran = operations(wanted, pixels)
        assert ran["Mean"] == means
        assert ran["PartitionedCall"] == ran["StatefulPartitionedCall"] == 0


def test_each_convolution_is_one_operation_with_its_bias_and_relu(base, image, pixels):
    network = cut_at(base, "mixed2")
    one = folded.fold(network, image=image, precision="float32")
    ran = operations(lambda fed: one(fed).map, pixels)
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    fused = sum(count for name, count in ran.items() if name.endswith("FusedConv2D"))
    assert fused == len(layers) == 26
    assert not {"BiasAdd", "Relu", "Conv2D"} & set(ran)


def test_all_but_two_convolutions_of_a_bfloat16_base_compute_in_it(base, image, pixels):
    one = folded.fold(cut_at(base, "mixed2"), image=image, precision="bfloat16")
    ran = nodes(lambda fed: one(fed).map, pixels)
    types = collections.Counter(node.attr["T"].type for node in ran if "Conv2D" in node.op)
    assert types == {tf.bfloat16.as_datatype_enum: 24, tf.float32.as_datatype_enum: 2}
