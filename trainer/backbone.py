"""The base: Inception V3 up to a cut, frozen; thawing its top; calibrating a random one.

The network is Szegedy et al., 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567), as `keras.applications.InceptionV3` builds it.
"""

import difflib
import re
from collections import defaultdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer import weights as weights_file
from trainer.errors import ConfigError, WeightsError

NAME = "inception_v3"

_SMALLEST_SIZE = 75
_BLOCK = re.compile(r"mixed\d+")
_NUMBERED = re.compile(
    r"(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate)"
    r"(?:_(\d+))?"
)


def build(*, size: int, weights: Path | None, cut: str, seed: int = 1) -> keras.Model:
    """Inception V3 from pixels to the layer named `cut`, every layer frozen.

    The input is float [N, size, size, 3] with `size` of 75 or more; at 150 pixels and `mixed7` the
    output is [N, 7, 7, 768]. The same name means the same layer in every process. Without a
    weights file the kernels are random: the same for the same `seed`, whatever the cut and the
    size. `calibrate` such a base before use.

    Raises:
        ConfigError: there is no layer `cut`.
        WeightsError: the file is not Inception V3's, or holds nothing for a layer that is needed.
    """
    network = _inception_v3(size)
    names = [layer.name for layer in network.layers[1:]]
    if cut not in names:
        raise ConfigError(
            f'model.cut = "{cut}" is no layer of Inception V3. '
            f"{_hint(cut, names, where='of Inception V3')}"
        )
    if weights is None:
        _randomize(network, seed)
    else:
        _load(network, weights)
    backbone = keras.Model(network.inputs[0], network.get_layer(cut).output, name=NAME)
    if weights is not None:
        _refuse_blank_layers(backbone, weights)
    _freeze(backbone)
    return backbone


def check(
    weights: Path | None, *, cut: str, thaw_from: str | None = None, is_cached: bool = False
) -> None:
    """Raise now what `build`, `thaw` and `frost_line` would raise later, at the smallest size.

    Args:
        weights: the pretrained weights; None is a random base.
        cut: a layer's name.
        thaw_from: a layer's name; None freezes everything.
        is_cached: whether the features of what stays frozen are kept.

    Raises:
        ConfigError: there is no layer `cut`, nothing to thaw at `thaw_from`, or nothing to keep.
        WeightsError: the file does not fit.
    """
    base = build(size=_SMALLEST_SIZE, weights=weights, cut=cut)
    thaw(base, thaw_from)
    if is_cached:
        frost_line(base, thaw_from)


def thaw(backbone: keras.Model, thaw_from: str | None) -> list[keras.layers.Layer]:
    """Make the layers from `thaw_from` up to the cut trainable, all others frozen.

    "Up" is the order of `backbone.layers`, where a branch may come before its neighbour. Batch
    norm stays frozen and normalizes with its stored statistics, even when called with
    `training=True`: batches are too small to estimate them anew. None freezes everything.

    Returns:
        The thawed layers: those that can be trained now.

    Raises:
        ConfigError: `thaw_from` is not below the cut, or no layer with weights follows it.
    """
    _freeze(backbone)
    if thaw_from is None:
        return []
    names = [layer.name for layer in backbone.layers]
    below = names[1:-1]
    start = names.index(thaw_from) if thaw_from in below else len(names)
    thawed = [layer for layer in backbone.layers[start:] if layer.weights and not _is_norm(layer)]
    if not thawed:
        raise ConfigError(
            f'model.thaw_from = "{thaw_from}" leaves nothing to train below the cut '
            f'"{names[-1]}". '
            f"{_hint(thaw_from, below, where='below the cut')}"
        )
    backbone.trainable = True  # else Keras hides what its layers would train
    for layer in backbone.layers:
        layer.trainable = layer in thawed
    return thawed


def outline(cut: str) -> keras.Model:
    """The layers up to the cut at the smallest size, with random weights: a second or two."""
    return build(size=_SMALLEST_SIZE, weights=None, cut=cut)


def frost_line(backbone: keras.Model, thaw_from: str | None) -> str:
    """The last layer below which nothing is trained: a block's end, or the cut.

    Raises:
        ConfigError: no whole block lies below `thaw_from`.
    """
    names = [layer.name for layer in backbone.layers]
    if thaw_from is None:
        return names[-1]
    # A block's end has no weights of its own, so that it may itself be where thawing starts.
    frozen = names[: names.index(thaw_from) + 1] if thaw_from in names else []
    blocks = [name for name in frozen if _BLOCK.fullmatch(name)]
    if not blocks:
        raise ConfigError(
            f'model.thaw_from = "{thaw_from}" leaves no whole block of the base frozen, so that '
            'there are no features to keep: thaw from a layer above "mixed0", or set '
            'train.base = "live"'
        )
    return blocks[-1]


def calibrate(backbone: keras.Model, images: tf.Tensor) -> None:
    """Set each batch norm's statistics to those of `images`, in one pass; all is frozen afterwards.

    In a random base, features shrink from layer to layer until nothing is left of them; with
    these statistics each channel has mean 0 and variance 1 before its relu.

    Args:
        backbone: From `build`, with random kernels.
        images: float32 [N, size, size, 3], scaled as in training; a few dozen, since all N go
            through at once.
    """
    norms = [layer for layer in backbone.layers if _is_norm(layer)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.trainable, norm.momentum = True, 0.0
    backbone(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    _freeze(backbone)


def _inception_v3(size: int) -> keras.Model:
    shape = (size, size, 3)
    network = keras.applications.InceptionV3(
        include_top=False,
        weights=None,  # pyright: ignore[reportArgumentType]
        input_shape=shape,
        input_tensor=keras.Input(shape, name="input_layer"),
    )
    _number_from_zero(network)
    return network


def _number_from_zero(network: keras.Model) -> None:
    # Keras numbers automatic names through the life of a process: the second model's first
    # convolution is conv2d_94. Here it is always conv2d, as in the first model.
    numbered = defaultdict(list)
    for layer in network.layers:
        if match := _NUMBERED.fullmatch(layer.name):
            numbered[match[1]].append((int(match[2] or 0), layer))
    for prefix, layers in numbered.items():
        for number, (_, layer) in enumerate(sorted(layers, key=lambda pair: pair[0])):
            layer.name = f"{prefix}_{number}" if number else prefix


def _load(network: keras.Model, path: Path) -> None:
    layers = [layer for layer in network.layers if layer.weights]
    for layer, stored in zip(layers, weights_file.read(path), strict=True):
        needed = [tuple(weight.shape) for weight in layer.weights]
        if stored.shapes != needed:
            raise WeightsError(
                f'the weights file {path} does not fit Inception V3: its layer "{stored.name}" '
                f'holds {stored.shapes}, but "{layer.name}" needs {needed}. '
                f"Pass {weights_file.INCEPTION_V3.name} with --weights PATH"
            )
        layer.set_weights(stored.arrays)


def _refuse_blank_layers(backbone: keras.Model, path: Path) -> None:
    usable = []
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Conv2D) and not np.any(layer.kernel):
            fix = f"Cut at {usable[-1]} or below: --set model.cut={usable[-1]}" if usable else ""
            raise WeightsError(
                f'the weights file {path} holds no weights for "{layer.name}" (all zeros), which '
                f'the cut "{backbone.layers[-1].name}" needs. {fix or "Pass another file"}'
            )
        if _BLOCK.fullmatch(layer.name):
            usable.append(layer.name)


def _randomize(network: keras.Model, seed: int) -> None:
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    for number, layer in enumerate(convolutions):
        initializer = keras.initializers.GlorotUniform(seed=seed * len(convolutions) + number)
        [kernel] = layer.weights
        kernel.assign(initializer(kernel.shape))


def _freeze(model: keras.Model) -> None:
    # Keras ignores `model.trainable = False` where the model's own flag is False already,
    # whatever the flags of its layers.
    for layer in (*model.layers, model):
        layer.trainable = False


def _is_norm(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _hint(name: str, valid: list[str], *, where: str) -> str:
    blocks = [each for each in valid if _BLOCK.fullmatch(each)]
    accepted = ", ".join([*blocks, f"or any other layer {where} by its name"])
    close = difflib.get_close_matches(name, [each for each in valid if each != name])
    return f"Accepted: {accepted}." + (f" Similar names: {', '.join(close)}." if close else "")
