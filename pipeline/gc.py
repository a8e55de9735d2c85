"""Garbage collection: what no kept run uses goes, and nothing that is served or was run last.

TFX's cache looks whether a folder is there before it takes it, so that a run which would need one
that has gone simply takes that step again.
"""

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import workdir
from pipeline.past_runs import PastRuns
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError
from trainer.feature_room import told


@dataclass(frozen=True)
class Garbage:
    """A folder that no kept run uses.

    kind: what it is, as a person reads it
    """

    kind: str
    folder: Path


def collect(root: Path, *, keep_runs: int, is_dry: bool) -> list[str]:
    """Remove what the latest `keep_runs` runs, and the one that pushed last, do not use.

    Args:
        root: the work directory.
        keep_runs: 1 or more.
        is_dry: remove nothing, and tell what would be removed.

    Returns:
        what was removed, in lines to be read.

    Raises:
        WorkDirError: there are no runs, or one of them is going on.
    """
    if not WorkDir(root).metadata.exists():
        raise WorkDirError(f"--work-dir {root} holds no runs: there is nothing to remove")
    with workdir.opened(root, free_bytes=0) as place:
        garbage = list(find(place, PastRuns(place), keep_runs=keep_runs))
        lines = _lines(garbage, is_dry=is_dry)
        if not is_dry:
            for item in garbage:
                shutil.rmtree(item.folder)
        return lines


def find(place: WorkDir, runs: PastRuns, *, keep_runs: int) -> Iterator[Garbage]:
    """What could be removed. Call it only while holding the work directory."""
    kept = runs.latest(keep_runs)
    used = kept.folders
    yield from _artifacts(place, used)
    yield from _features(place, used)
    yield from _pieces(place, used, since=kept.since)
    for folder in _folders(place.checkpoints, "*"):
        if _written(folder) < kept.since:
            yield Garbage("interrupted trainings", folder)


def _artifacts(place: WorkDir, used: Collection[Path]) -> Iterator[Garbage]:
    """Folders `<step>/<output>/<execution>`."""
    for folder in _folders(place.artifacts, "[!.]*/[!.]*/*"):
        if folder not in used:
            yield Garbage("artifacts", folder)


def _features(place: WorkDir, used: Collection[Path]) -> Iterator[Garbage]:
    """Segments, or all that a base has made, where no segment of it is used."""
    names = {path.name for folder in used for path in _folders(folder, "segments/*")}
    for base in _folders(place.features, "*"):
        segments = _folders(base, "[!.]*")
        unused = [segment for segment in segments if segment.name not in names]
        if len(unused) == len(segments):
            yield Garbage("features", base)
        else:
            yield from (Garbage("features", segment) for segment in unused)


def _pieces(place: WorkDir, used: Collection[Path], *, since: float) -> Iterator[Garbage]:
    """What was read of spans; a piece is in use while an artifact holds links to its files."""
    linked = {_identity(path) for folder in used for path in folder.glob("Split-*/*")}
    for piece in _folders(place.ingested, "*"):
        files = piece.glob("Split-*/*")
        if _written(piece) < since and not any(_identity(path) in linked for path in files):
            yield Garbage("ingested spans", piece)


def _lines(garbage: Sequence[Garbage], *, is_dry: bool) -> list[str]:
    bytes_freed = freed([item.folder for item in garbage])
    by_kind: dict[str, list[int]] = {}
    for item in garbage:
        by_kind.setdefault(item.kind, []).append(bytes_freed[item.folder])
    verb = "would free" if is_dry else "freed"
    lines = [
        f"{kind}: {len(sizes):,} folders, {told(sum(sizes))}" for kind, sizes in by_kind.items()
    ]
    return [*lines, f"{verb} {told(sum(bytes_freed.values()))}"]


def freed(folders: Sequence[Path]) -> Mapping[Path, int]:
    """Bytes that each folder frees, the last link to a file counting for all."""
    links = Counter(_identity(path) for folder in folders for path in _files(folder))
    found = dict.fromkeys(folders, 0)
    for folder in folders:
        for path in _files(folder):
            status = path.lstat()
            if links.pop(_identity(path), 0) == status.st_nlink:
                found[folder] += status.st_size
    return found


def _folders(place: Path, pattern: str) -> list[Path]:
    return sorted(path for path in place.glob(pattern) if path.is_dir())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _written(folder: Path) -> float:
    """When anything in a folder was last written, in seconds since 1970."""
    return max(os.stat(path).st_mtime for path in (folder, *folder.rglob("*")))  # noqa: PTH116
