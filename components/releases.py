"""The versions of a model that are served: `<base>/<version>/`, the highest of which counts.

TF Serving polls the folder and loads what it sees. On a file system a version therefore comes and
goes by one renaming. An object store has none: there `saved_model.pb` is written last.
"""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from components import blessed, storage
from components.blessed import Blessed

SAVED_MODEL = "saved_model.pb"
CARD = "assets.extra/frostline.json"
# TF Serving takes no folder for a version whose name is not a number.
WITHDRAWN = ".withdrawn"
# TF Serving's numbers have 64 bits.
_VERSIONS_END = 1 << 63
_INCOMING = ".incoming-"
_OUTGOING = ".outgoing-"


def next_version(base: str) -> int:
    """The seconds since 1970, as TFX counts versions, or the number after the highest one."""
    taken = _remote_versions(base) if storage.is_remote(base) else _all(Path(base))
    return max(int(time.time()), max(taken, default=0) + 1)


def publish(model: str, release: Blessed) -> None:
    """Copy a SavedModel to where it is served, with its card, whole or not at all.

    Args:
      model: the SavedModel's folder.
      release: what becomes its card; `release.model` is where it goes.
    """
    if storage.is_remote(release.model) or storage.is_remote(model):
        _publish_remote(model, release)
        return
    place = Path(release.model)
    incoming = place.with_name(f"{_INCOMING}{place.name}")
    shutil.rmtree(incoming, ignore_errors=True)
    shutil.copytree(model, incoming)
    blessed.write(str(incoming / CARD), release)
    incoming.rename(place)


def version_folders(base: Path) -> dict[int, Path]:
    """The whole versions that a server sees, by number.

    A version is whole when its `saved_model.pb` is there, which Pusher writes last.

    Raises:
      OSError: the folder cannot be read.
    """
    return {
        int(child.name): child
        for child in base.iterdir()
        if child.name.isascii()
        and child.name.isdecimal()
        and int(child.name) < _VERSIONS_END
        and (child / SAVED_MODEL).is_file()
    }


def versions(base: Path) -> list[int]:
    """The versions that Pusher has put where a server sees them, the oldest first."""
    found = version_folders(base) if base.is_dir() else {}
    return sorted(number for number, folder in found.items() if folder.name == str(number))


def withdrawn(base: Path) -> list[int]:
    """The versions that were rolled back, the oldest first."""
    return versions(base / WITHDRAWN)


def was_withdrawn(base: Path, version: int) -> bool:
    """Whether a person put a version aside, even if its model has made room since."""
    return (base / WITHDRAWN / str(version)).is_dir()


def card(folder: Path) -> Blessed | None:
    """What is told of a version; None where something else than a Frostline has pushed it."""
    return blessed.read(str(folder / CARD))


def standing(base: str, made_from: str) -> Blessed | None:
    """The version that need not be pushed again: it was made from the same, and no other since.

    A version that a person has withdrawn counts: the same model does not come back by itself.
    """
    served = _cards(base)
    hidden = [] if storage.is_remote(base) else _cards(f"{base}/{WITHDRAWN}")
    own = [card for card in served + hidden if card.terms.get("made_from") == made_from]
    others = [card for card in served if card.terms.get("made_from") != made_from]
    latest = max(own, key=lambda card: card.version, default=None)
    is_latest = latest and latest.version > max((card.version for card in others), default=0)
    return latest if is_latest else None


def withdraw(base: Path, version: int) -> None:
    """Take a version from the server; `restore` brings it back."""
    (base / WITHDRAWN).mkdir(exist_ok=True)
    (base / str(version)).rename(base / WITHDRAWN / str(version))


def restore(base: Path, version: int) -> None:
    """Serve a version again that was withdrawn."""
    (base / WITHDRAWN / str(version)).rename(base / str(version))


def prune(base: str, *, keep: int) -> Sequence[int]:
    """Remove all but the latest versions, and all but as many withdrawn ones.

    Nothing is removed from an object store, which has rules of its own for that.

    Returns:
      the versions that were removed.
    """
    if storage.is_remote(base):
        return []
    removed = []
    for place in (Path(base), Path(base) / WITHDRAWN):
        for version in versions(place)[:-keep]:
            outgoing = place / f"{_OUTGOING}{version}"
            (place / str(version)).rename(outgoing)
            if place.name == WITHDRAWN:  # An empty folder remembers it: see `was_withdrawn`.
                (place / str(version)).mkdir()
            shutil.rmtree(outgoing)
            removed.append(version)
    return removed


def sweep(base: Path) -> None:
    """Remove what a push or a removal that was killed has left behind."""
    left = [*base.glob(f"{_INCOMING}*"), *base.glob(f"{_OUTGOING}*")]
    left += (base / WITHDRAWN).glob(f"{_OUTGOING}*")
    left += [each for each in base.glob("[0-9]*") if not (each / SAVED_MODEL).exists()]
    for folder in left:
        shutil.rmtree(folder)


def _all(base: Path) -> list[int]:
    return versions(base) + withdrawn(base)


def _cards(base: str) -> list[Blessed]:
    known = _remote_versions(base) if storage.is_remote(base) else versions(Path(base))
    found = [blessed.read(f"{base}/{version}/{CARD}") for version in known]
    return [card for card in found if card]


def _remote_versions(base: str) -> list[int]:
    from tfx.dsl.io import fileio

    found = fileio.listdir(base) if fileio.exists(base) else []
    names = [str(name).rstrip("/") for name in found]
    return [int(name) for name in names if name.isdecimal()]


def _publish_remote(model: str, release: Blessed) -> None:
    from tfx.utils import io_utils

    io_utils.copy_dir(model, release.model, deny_regex_patterns=[rf"/{SAVED_MODEL}$"])
    blessed.write(os.path.join(release.model, CARD), release)  # noqa: PTH118  a URL
    io_utils.copy_file(
        os.path.join(model, SAVED_MODEL),  # noqa: PTH118
        os.path.join(release.model, SAVED_MODEL),  # noqa: PTH118
    )
