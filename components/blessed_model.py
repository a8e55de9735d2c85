"""BlessedModel: the model that was blessed and pushed last, as an artifact that can be evaluated.

TFX has a Resolver for this, which open-source Kubeflow Pipelines cannot run.
"""

import os
import shutil
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from components import blessed, releases, storage
from components.blessed import Blessed

ABSENCE_FILE = "absence.txt"
"""Says, in a sentence, why there is no blessed model."""


def hand_over(pointer: str, folder: str) -> None:
    """Put the model that a pointer leads to into a folder, as TFX lays models out.

    Args:
      pointer: a file or a URL; see `components.blessed`.
      folder: gets `blessed.json` and the SavedModel, or `absence.txt` where there is none.
    """
    latest = blessed.read(pointer)
    why = absence(latest)
    if latest is None or why:
        io_utils.write_string_file(os.path.join(folder, ABSENCE_FILE), why)  # noqa: PTH118
        return
    _copy(latest.model, path_utils.serving_model_dir(folder))
    blessed.write(os.path.join(folder, blessed.FILE), latest)  # noqa: PTH118  may be a URL


def absence(latest: Blessed | None) -> str:
    """Why there is no blessed model, in a sentence; empty where there is one."""
    if latest is None:
        return "There is no blessed model yet."
    if not fileio.exists(os.path.join(latest.model, releases.SAVED_MODEL)):  # noqa: PTH118  may be a URL
        return f"Version {latest.version}, which was blessed last, is gone from {latest.model}."
    return ""


def read(folder: str) -> tuple[Blessed | None, str]:
    """What `hand_over` has put into a folder: the model, or why there is none."""
    latest = blessed.read(os.path.join(folder, blessed.FILE))  # noqa: PTH118  may be a URL
    if latest is not None:
        return latest, ""
    return None, io_utils.read_string_file(os.path.join(folder, ABSENCE_FILE))  # noqa: PTH118


def _copy(source: str, target: str) -> None:
    if storage.is_remote(source) or storage.is_remote(target):
        io_utils.copy_dir(source, target)
        return
    for path in sorted(Path(source).rglob("*")):
        place = Path(target) / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(path, place)


def _link(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError:  # Another file system, or one without links.
        shutil.copyfile(path, place)


@tfx.dsl.components.component
def BlessedModel(  # noqa: N802  a component is named like a class
    model: tfx.dsl.components.OutputArtifact[standard_artifacts.Model],
    pointer: tfx.dsl.components.Parameter[str],
    fingerprint: tfx.dsl.components.Parameter[str],
    code: tfx.dsl.components.Parameter[str],
) -> None:
    """Hand over the model that was blessed and pushed last, with what was measured of it.

    Args:
      model: gets `blessed.json` and the SavedModel, or `absence.txt`; see `hand_over`.
      pointer: the file or URL of a `Blessed`; there need not be one.
      fingerprint: changes with what the pointer leads to.
      code: changes with the code.
    """
    del fingerprint, code  # Parts of the cache key only.
    hand_over(pointer, model.uri)
