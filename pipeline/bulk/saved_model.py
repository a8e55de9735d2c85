"""The SavedModel that workers load, on this machine or on a file system that Beam knows."""

import re
import shutil
from pathlib import Path

from components import releases, storage
from pipeline import models
from trainer.errors import ConfigError


def address(model: str) -> str:
    """The very version that all workers are to load, whatever is pushed meanwhile.

    Args:
      model: a folder, as `models.saved_model_folder` takes it; a remote one is a SavedModel, or
        holds its versions.

    Raises:
      ConfigError: there is none, or it is a server's.
    """
    if re.match(r"https?://", model):
        raise ConfigError(
            f"--model {model} is a server's: bulk-predict loads the model itself, so give a "
            "folder; `frostline predict` asks servers"
        )
    if not storage.is_remote(model):
        return str(models.saved_model_folder(Path(model)).resolve())
    folder = model.rstrip("/")
    names = {entry.name for entry in storage.walked(folder) or ()}
    if releases.SAVED_MODEL in names:
        return folder
    pattern = rf"(\d+)/{re.escape(releases.SAVED_MODEL)}"
    versions = [int(found[1]) for name in names if (found := re.fullmatch(pattern, name))]
    if not versions:
        raise ConfigError(
            f"--model {model} holds no pushed model: should be a folder with "
            f"{releases.SAVED_MODEL}, or with versions of it"
        )
    return f"{folder}/{max(versions)}"


def copied(folder: str, target: Path) -> Path:
    """A remote SavedModel, copied to this machine; a local one as it is."""
    if not storage.is_remote(folder):
        return Path(folder)
    for entry in storage.walked(folder) or ():
        path = target / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with storage.opened(entry.path) as source, path.open("wb") as out:
            shutil.copyfileobj(source, out)
    return target
