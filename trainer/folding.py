"""Folding: a Keras base as the fewest steps that give the same answer.

At inference a batch norm is a factor and an offset for each channel, and so is the scaling of the
pixels: both go into the kernel and the bias of a convolution. What remains of Inception V3 is
convolutions with bias and relu, poolings and concatenations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import keras
import numpy as np

Padding = Literal["VALID", "SAME"]


@dataclass(frozen=True, eq=False)
class Pixels:
    """The input: [N, size, size, 3] in 0..255."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """kernel [height, width, in, out] and bias [out], both float64; relu last, where it is set."""

    source: Step
    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, ...]
    padding: Padding
    relu: bool = False

    @property
    def is_at_the_bottom(self) -> bool:
        """Whether it is the first convolution above the pixels, or the second."""
        below = self.source.source if isinstance(self.source, Convolution) else self.source
        return isinstance(below, Pixels)


@dataclass(frozen=True, eq=False)
class Pooling:
    """The maximum or the average of each window; padding is no part of an average."""

    source: Step
    kind: Literal["MAX", "AVG"]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding


@dataclass(frozen=True, eq=False)
class Concatenation:
    """Channels side by side."""

    sources: tuple[Step, ...]


Step = Pixels | Convolution | Pooling | Concatenation


def fold(backbone: keras.Model, *, factor: float, offset: float) -> dict[str, Step]:
    """The step behind each layer of `backbone`, by the layer's name.

    Args:
        backbone: Inception V3 as `trainer.backbone` builds it, thawed or not, at any cut.
        factor: the scaling of the pixels, pixels * factor + offset, goes into the first
            convolution. That is exact, because this convolution takes no padding.
        offset: see `factor`.

    Raises:
        TypeError: a layer is of a kind that Inception V3 has not.
    """
    [pixels] = backbone.inputs
    steps: dict[str, Step] = {}
    by_output: dict[int, Step] = {id(pixels): Pixels()}
    for layer in backbone.layers[1:]:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        sources = tuple(by_output[id(tensor)] for tensor in inputs)
        step = _step(layer, sources, factor=factor, offset=offset)
        steps[layer.name] = by_output[id(layer.output)] = step
    return steps


def up_to(step: Step) -> frozenset[Step]:
    """A step and all that it is made from."""
    found, rest = set[Step](), [step]
    while rest:
        one = rest.pop()
        if one not in found:
            found.add(one)
            rest += _sources(one)
    return frozenset(found)


def _sources(step: Step) -> tuple[Step, ...]:
    match step:
        case Pixels():
            return ()
        case Concatenation():
            return step.sources
    return (step.source,)


def _step(
    layer: keras.layers.Layer, sources: tuple[Step, ...], *, factor: float, offset: float
) -> Step:
    match layer, sources:
        case keras.layers.Conv2D(), [Pixels()]:
            return _scaled(_convolution(layer, sources[0]), factor=factor, offset=offset)
        case keras.layers.Conv2D(), [source]:
            return _convolution(layer, source)
        case keras.layers.BatchNormalization(), [Convolution() as convolution]:
            return _normalized(convolution, layer)
        case keras.layers.Activation(), [Convolution() as convolution]:
            return replace(convolution, relu=True)
        case keras.layers.MaxPooling2D(), [source]:
            return Pooling(source, "MAX", layer.pool_size, layer.strides, _padding(layer))
        case keras.layers.AveragePooling2D(), [source]:
            return Pooling(source, "AVG", layer.pool_size, layer.strides, _padding(layer))
        case keras.layers.Concatenate(), _:
            return Concatenation(sources)
    raise TypeError(f"{layer.name} is a {type(layer).__name__}, which Inception V3 has not")


def _convolution(layer: keras.layers.Conv2D, source: Step) -> Convolution:
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.zeros(kernel.shape[-1])
    return Convolution(source, kernel, bias, layer.strides, _padding(layer))


def _padding(layer: keras.layers.Layer) -> Padding:
    return "SAME" if layer.padding == "same" else "VALID"


def _scaled(convolution: Convolution, *, factor: float, offset: float) -> Convolution:
    kernel, bias = convolution.kernel, convolution.bias
    return replace(
        convolution, kernel=kernel * factor, bias=bias + offset * kernel.sum(axis=(0, 1, 2))
    )


def _normalized(convolution: Convolution, norm: keras.layers.BatchNormalization) -> Convolution:
    beta, mean, variance = (
        np.asarray(weight, np.float64)
        for weight in (norm.beta, norm.moving_mean, norm.moving_variance)
    )
    factor = 1 / np.sqrt(variance + norm.epsilon)
    return replace(
        convolution,
        kernel=convolution.kernel * factor,
        bias=(convolution.bias - mean) * factor + beta,
    )
