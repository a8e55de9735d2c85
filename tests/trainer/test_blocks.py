"""Where a row of pooled features holds which block."""

import pytest

from trainer import blocks
from trainer.blocks import Block
from trainer.errors import ConfigError

THREE = (Block("mixed0", 256), Block("mixed1", 288), Block("activation_42", 160))


def test_blocks_go_from_the_pixels_up_to_the_cut():
    assert [block.name for block in blocks.up_to("mixed2")] == ["mixed0", "mixed1", "mixed2"]
    assert blocks.width(blocks.up_to("mixed8")) == 5952


def test_columns_lie_side_by_side_in_the_order_of_the_blocks():
    assert blocks.columns(THREE, "mixed0") == slice(0, 256)
    assert blocks.columns(THREE, "mixed1") == slice(256, 544)
    assert blocks.columns(THREE, "activation_42") == slice(544, 704)
    assert blocks.width(THREE) == 704


def test_a_layer_inside_a_block_is_no_block():
    with pytest.raises(ConfigError, match=r'"activation_42" is no block .* mixed0, .*, mixed10$'):
        blocks.up_to("activation_42")


def test_columns_of_a_block_above_the_cut_are_an_error_that_lists_the_blocks():
    with pytest.raises(ConfigError, match=r'"mixed8" .* Accepted: mixed0, mixed1, activation_42$'):
        blocks.columns(THREE, "mixed8")
