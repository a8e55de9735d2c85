"""What is checked before anything is written: the data folder and the weights file."""

import os
from dataclasses import dataclass
from pathlib import Path

from components import inputs
from components.image_files import Listing
from pipeline import schema
from pipeline.config import Config
from pipeline.workdir import WorkDir
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


def check_data(data: str | None, span: str | None) -> Listing:
    """The files of a data set; none where the run makes its own data.

    Raises:
      DataError: the data set cannot be trained on.
    """
    return inputs.find(data, span=span) if data else Listing(())


def check_schema(config: Config, work_dir: WorkDir) -> None:
    """Read the curated schema, where there is one.

    Raises:
      ConfigError: it is missing or broken.
    """
    schema.curated(work_dir, config.gate.schema_file)


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
