"""What is checked before anything is written: the data folder and the weights file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components import image_files
from components.image_files import ImageFile
from pipeline.config import Config
from trainer import weights
from trainer.errors import WeightsError


@dataclass(frozen=True)
class Weights:
    """The pretrained weights of a run.

    path: the file; None is a random base
    sha256: the file's digest; "random" without one
    warning: what a person must know about them, if anything
    """

    path: Path | None
    sha256: str
    warning: str | None = None


def check_data(folder: Path | None) -> Sequence[ImageFile]:
    """The files of a data folder; none where the run makes its own data.

    Raises:
      DataError: the folder cannot be trained on.
    """
    return image_files.find(folder) if folder else ()


def check_weights(config: Config) -> Weights:
    """Find the weights that the config asks for, and check the file.

    Where an untrained model may be pushed anyway (the `sample` preset), `auto` falls back to a
    random base, with a warning, when there is no file to be had.

    Raises:
      WeightsError: there is no file, or it is broken.
    """
    setting = config.model.weights
    if setting == weights.RANDOM:
        return Weights(None, weights.RANDOM, "the base has RANDOM weights, as asked for")
    try:
        path = weights.locate(setting, environ=os.environ)
    except WeightsError as error:
        if not config.push.untrained:
            raise
        return Weights(None, weights.RANDOM, f"the base has RANDOM weights, because {error}")
    return Weights(path, weights.verify(path))
