"""How much room features take."""

import numpy as np
import pytest

from trainer import feature_room
from trainer.settings import TrainerSettings


def estimate(sections, *, keep="all"):
    return feature_room.estimate(TrainerSettings.model_validate(sections), 1000, keep=keep)


def test_defaults_take_map_and_means_of_image_and_mirror_image():
    mirror = {"train": {"mirror": True}, "image": {"size": 299}, "model": {"cut": "mixed8"}}
    means = 256 + 288 + 288 + 5 * 768 + 1280
    assert estimate(mirror) == 2000 * (2 * 8 * 8 * 1280 + 4 * means)


@pytest.mark.parametrize(
    ("size", "cut", "side"),
    [(299, "mixed0", 35), (299, "mixed7", 17), (150, "mixed2", 16), (150, "mixed7", 7),
     (150, "mixed8", 3), (75, "mixed0", 7), (160, "mixed2", 17), (82, "mixed0", 7)],
)  # fmt: skip
def test_map_has_the_side_that_the_network_gives(size, cut, side):
    channels = {"mixed0": 256, "mixed2": 288, "mixed7": 768, "mixed8": 1280}[cut]
    chosen = {
        "image": {"size": size},
        "model": {"cut": cut, "head": "flatten"},
        "train": {"mirror": False},
    }
    assert estimate(chosen, keep="head") == 1000 * 2 * channels * side**2


def test_changed_views_multiply_it():
    views = {"augment": {"enabled": True, "views": 3}, "train": {"mirror": False}}
    assert estimate(views) == 4 * estimate({"train": {"mirror": False}})


def test_pooled_head_alone_takes_the_means_only():
    head = estimate({"model": {"head": "pooled"}}, keep="head")
    assert 0 < head < estimate({"model": {"head": "pooled"}}) / 5


@pytest.mark.parametrize("sections", [{"train": {"base": "live"}}, {"model": {"cut": "conv2d_9"}}])
def test_no_features_or_a_cut_inside_a_block_is_not_estimated(sections):
    assert estimate(sections) == 0


def test_files_of_a_folder_are_summed_up(tmp_path):
    np.zeros(10, np.uint8).tofile(tmp_path / "a")
    (tmp_path / "b").mkdir()
    np.zeros(5, np.uint8).tofile(tmp_path / "b" / "c")
    assert feature_room.used_bytes(tmp_path) == 15
    assert feature_room.used_bytes(tmp_path / "none") == 0
