"""A tiny model, and pictures of every origin."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def pushed(tmp_path_factory):
    """A work directory that serves a tiny model: the more red, the likelier `red`."""
    import keras

    from trainer import signatures

    classifier = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    classifier.set_weights([np.array([[1, -1], [0, 0], [0, 0]]), np.array([0, 1])])
    work_dir = tmp_path_factory.mktemp("pushed")
    server = signatures.Server(classifier, labels=["red", "other"], size=8)
    signatures.export(server, str(work_dir / "serving" / "colours" / "1"))
    return work_dir


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Twenty pictures, the first ten of them red, and one broken file."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(20):
        colour = (255 if number < 10 else 51, 0, 100)
        Image.new("RGB", (20 + number, 30), colour).save(folder / f"{number:02d}.png")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "broken.jpg").write_text("text")
    return folder
