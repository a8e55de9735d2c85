"""Which pushed version a person means, and where it is now."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components import releases
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError

State = Literal["served", "kept", "withdrawn", "removed"]
ACCEPTED = "a folder WORK_DIR/serving/NAME/VERSION, or a version with --work-dir DIR"


@dataclass(frozen=True)
class Wanted:
    """A version that a person asks for; it need not be there.

    name: the folder under `serving/`; None where any will do
    """

    place: WorkDir
    name: str | None
    version: int


def wanted(model: str, work_dir: Path | None) -> Wanted:
    """The version that is meant by its folder, or by its number.

    Args:
      model: what a person wrote.
      work_dir: where the version was pushed; a folder tells that itself.

    Raises:
      ConfigError: it is neither.
    """
    if model.isdecimal() and int(model) > 0:
        if work_dir is None:
            raise ConfigError(f"version {model} of which work directory? Add --work-dir DIR")
        return Wanted(WorkDir(work_dir.resolve()), None, int(model))
    folder = Path(model).resolve()
    base = folder.parent.parent if folder.parent.name == releases.WITHDRAWN else folder.parent
    if not folder.name.isdecimal() or (work_dir is None and base.parent.name != "serving"):
        raise ConfigError(f"MODEL = {model}: should be {ACCEPTED}; `frostline models` lists them")
    root = work_dir.resolve() if work_dir else base.parent.parent
    return Wanted(WorkDir(root), base.name, int(folder.name))


def state(place: WorkDir, name: str, version: int) -> State:
    """What has become of a version."""
    base = place.serving / name
    served = releases.versions(base)
    if version in served:
        return "served" if version == served[-1] else "kept"
    return "withdrawn" if releases.was_withdrawn(base, version) else "removed"
