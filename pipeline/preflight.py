"""What is checked before anything is written: the data folder and the weights file."""

import os
from dataclasses import dataclass
from pathlib import Path

from components import inputs, model_server, serving_container
from components.image_files import Listing
from pipeline import schema
from pipeline.config import Config
from pipeline.workdir import WorkDir
from trainer import feature_room, weights
from trainer.errors import ConfigError, WeightsError

_FREE_BYTES = 1_000_000_000
_FREE_BYTES_AN_IMAGE = 1_000_000


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


def check_server(config: Config) -> None:
    """Ask Docker for the image that the ServingGate is to use, if it is to use one.

    Raises:
      ConfigError: there is no Docker, or no such image.
    """
    image = config.serving_gate.docker_image
    if not image or model_server.found():
        return
    if not serving_container.found():
        raise ConfigError(
            f"serving_gate.docker_image = {image!r}, and there is no {serving_container.PROGRAM} "
            "on the PATH: install Docker, or leave the setting empty"
        )
    if not serving_container.is_there(image):
        raise ConfigError(
            f"serving_gate.docker_image = {image!r} is not on this machine, or Docker does not "
            f"answer: run `docker pull {image}` first, or leave the setting empty"
        )


def free_bytes(config: Config, listing: Listing, work_dir: WorkDir) -> int:
    """The room that a run should find on the disk, for features that are not there yet, too."""
    images = len(listing.files)
    features = feature_room.estimate(config, images, keep=config.features.keep)
    missing = max(0, features - feature_room.used_bytes(work_dir.features))
    return _FREE_BYTES + _FREE_BYTES_AN_IMAGE * images + missing


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
