"""Which models a folder holds, however it was named: a model's, a work directory's, or several."""

import re
from collections.abc import Mapping
from pathlib import Path

from components import releases
from pipeline.serving.settings import VersionPolicy, WatchedModel
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError

_NAME = r"[^/:\s]+"


def watched_models(
    folder: Path, *, name: str | None = None, labels: Mapping[str, int] | None = None
) -> list[WatchedModel]:
    """The models in `WORK_DIR/serving/NAME`, `WORK_DIR/serving` or `WORK_DIR`.

    Args:
      folder: any of the three.
      name: the one to serve; for a model's own folder, what it shall be called.
      labels: names for versions; then the versions that they name are served, too.

    Raises:
      ConfigError: no model there, not the one that was named, or labels for several models.
    """
    found = _found(folder.resolve())
    if name is not None:
        found = _named(found, name=name, folder=folder)
    if not found:
        raise ConfigError(
            f"--model-dir {folder} holds no pushed model: should be a work directory whose run "
            "pushed one, WORK_DIR/serving, or WORK_DIR/serving/NAME, which holds "
            "VERSION/saved_model.pb"
        )
    if labels and len(found) > 1:
        raise ConfigError(
            f"--label needs one model, and {folder} holds {', '.join(found)}: "
            "name it with --model-name"
        )
    # TF Serving has no policy for the latest version and the labelled ones but `all`.
    policy = VersionPolicy(everything=bool(labels))
    return [
        WatchedModel(name=key, base_path=path, policy=policy, labels=labels or {})
        for key, path in found.items()
    ]


def _found(folder: Path) -> dict[str, Path]:
    if version_folders(folder):
        return {folder.name: folder}
    for parent in (folder, WorkDir(folder).serving):
        children = sorted(parent.iterdir()) if parent.is_dir() else []
        models = {child.name: child for child in children if version_folders(child)}
        if models:
            return models
    return {}


def _named(found: Mapping[str, Path], *, name: str, folder: Path) -> dict[str, Path]:
    if not re.fullmatch(_NAME, name):
        raise ConfigError(f"--model-name {name!r}: should hold no '/', ':' or space")
    if name in found:
        return {name: found[name]}
    if len(found) > 1:
        raise ConfigError(
            f"--model-name {name}: no such model in {folder}; it holds {', '.join(found)}"
        )
    if not found:
        return {}
    (path,) = found.values()
    return {name: path}


def version_folders(base_path: Path) -> dict[int, Path] | None:
    """The whole versions in a folder, by number; None where the folder cannot be read."""
    try:
        return releases.version_folders(base_path)
    except OSError:
        return None
