"""The blocks of Inception V3, and where each has its columns among the pooled features.

A frozen base gives the spatial means of every block up to its cut, side by side in one row. So
another choice of blocks for a head is another choice of columns, and needs no forward.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.errors import ConfigError

CHANNELS = {
    "mixed0": 256,
    "mixed1": 288,
    "mixed2": 288,
    "mixed3": 768,
    "mixed4": 768,
    "mixed5": 768,
    "mixed6": 768,
    "mixed7": 768,
    "mixed8": 1280,
    "mixed9": 2048,
    "mixed10": 2048,
}
"""Channels of the output of each block, from the pixels up."""


@dataclass(frozen=True)
class Block:
    """A layer whose output is pooled, and the channels of it."""

    name: str
    channels: int


def up_to(cut: str) -> tuple[Block, ...]:
    """The blocks up to the block `cut`: what a base that is cut there pools, in its order.

    Raises:
        ConfigError: `cut` is a layer inside a block; what is below it is known to the base only.
    """
    names = list(CHANNELS)
    if cut not in CHANNELS:
        raise ConfigError(f'"{cut}" is no block of Inception V3. Accepted: {", ".join(names)}')
    return tuple(Block(name, CHANNELS[name]) for name in names[: names.index(cut) + 1])


def columns(blocks: Sequence[Block], name: str) -> slice:
    """The columns of the block `name` in rows that hold the means of `blocks` side by side.

    Raises:
        ConfigError: there is no such block among them.
    """
    names = [block.name for block in blocks]
    if name not in names:
        raise ConfigError(f'"{name}" is no block of the base. Accepted: {", ".join(names)}')
    ends = list(itertools.accumulate(block.channels for block in blocks))
    place = names.index(name)
    return slice(ends[place] - blocks[place].channels, ends[place])


def width(blocks: Sequence[Block]) -> int:
    """The columns of a row of pooled features."""
    return sum(block.channels for block in blocks)
