"""`frostline rollback`: an earlier version is served again, and the later ones are put aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components import blessed, releases
from pipeline import workdir
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did.

    folder: of the version that is served now
    withdrawn: the versions that were put aside
    """

    folder: Path
    withdrawn: Sequence[int]


def roll_back(root: Path, *, model_name: str | None, to: int | None) -> RolledBack:
    """Serve an earlier version again, or one that was withdrawn.

    A server that polls loads the version that is the highest then, before it drops the other one.

    Args:
      root: the work directory.
      model_name: the folder under `serving/`; None: the only one there is.
      to: the version to serve; None: the one before the highest.

    Raises:
      ConfigError: there is no such model or version.
      WorkDirError: a run is going on.
    """
    base = _base(WorkDir(root), model_name)
    with workdir.opened(root, free_bytes=0) as place:
        versions, withdrawn = releases.versions(base), releases.withdrawn(base)
        target = _before_highest(base, versions, withdrawn) if to is None else to
        if target not in {*versions, *withdrawn}:
            raise ConfigError(f"--to {target}: no such version; {_there_are(versions, withdrawn)}")
        if target in withdrawn:
            releases.restore(base, target)
        later = [version for version in versions if version > target]
        for version in later:
            releases.withdraw(base, version)
        folder = base / str(target)
        # What the next model is compared with is what is served.
        if card := releases.card(folder):
            blessed.write(str(place.blessed(base.name)), card)
        return RolledBack(folder, later)


def _base(place: WorkDir, model_name: str | None) -> Path:
    names = names_served(place)
    if not names:
        raise ConfigError(
            f"--work-dir {place.root} serves no model: `frostline run` pushes one there"
        )
    if model_name is None and len(names) > 1:
        raise ConfigError(f"--model-name is missing: {place.root} serves {', '.join(names)}")
    name = model_name or names[0]
    if name not in names:
        raise ConfigError(f"--model-name {name}: {place.root} serves {', '.join(names)}")
    return place.serving / name


def names_served(place: WorkDir) -> list[str]:
    """The models that a work directory serves, or has served."""
    bases = [path for path in place.serving.glob("*") if path.is_dir()]
    return sorted(base.name for base in bases if releases.versions(base) + releases.withdrawn(base))


def _before_highest(base: Path, versions: Sequence[int], withdrawn: Sequence[int]) -> int:
    if len(versions) < 2:
        raise ConfigError(
            f"{base} has no earlier version to go back to: {_there_are(versions, withdrawn)}"
        )
    return versions[-2]


def _there_are(versions: Sequence[int], withdrawn: Sequence[int]) -> str:
    served = ", ".join(map(str, versions)) or "none"
    aside = f"; withdrawn: {', '.join(map(str, withdrawn))} (--to N serves N again)"
    return f"versions: {served}{aside if withdrawn else ''}"
