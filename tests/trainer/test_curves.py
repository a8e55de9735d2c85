"""The curves that are kept with a run."""

import json

import numpy as np
import pytest
from PIL import Image

from trainer import curves
from trainer.checkpoints import State

pytestmark = pytest.mark.graph  # `trainer.checkpoints` imports Keras


def state(epochs):
    return State(
        [
            {
                "loss": 1 / number,
                "accuracy": 1 - 0.5 / number,
                "val_loss": 1 + abs(number - 2),
                "val_accuracy": 0.5,
            }
            for number in range(1, epochs + 1)
        ]
    )


def picture(folder):
    return np.asarray(Image.open(folder / "curves.png").convert("RGB")).astype(int)


def test_history_holds_a_row_an_epoch_and_the_best_epoch(tmp_path):
    curves.write(tmp_path, state(3))
    history = json.loads((tmp_path / "history.json").read_text())
    assert history["best_epoch"] == 2
    assert [row["epoch"] for row in history["epochs"]] == [1, 2, 3]
    assert history["epochs"][1] == {
        "epoch": 2,
        "loss": 0.5,
        "accuracy": 0.75,
        "val_loss": 1,
        "val_accuracy": 0.5,
    }


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_drawn_in_two_colours_on_white(tmp_path, epochs):
    curves.write(tmp_path, state(epochs))
    pixels = picture(tmp_path)
    height, width, _ = pixels.shape
    assert (width, height) == (1200, 480)
    assert (pixels == 255).all(axis=2).mean() > 0.8
    left, right = pixels[:, : width // 2], pixels[:, width // 2 :]
    for half in (left, right):
        coloured = half[np.ptp(half, axis=2) > 60]
        # Blue is the training, orange the validation.
        assert (coloured[:, 2] > coloured[:, 0]).any()
        assert (coloured[:, 2] < coloured[:, 0]).any()


def test_another_training_gives_another_picture(tmp_path):
    pictures = []
    for epochs in (1, 3):
        curves.write(tmp_path, state(epochs))
        pictures.append(picture(tmp_path))
    assert not np.array_equal(*pictures)
