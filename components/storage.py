"""Files and folders, on this machine and on the file systems that Beam knows."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import unquote

from components import access
from trainer.errors import DataError

Kind = Literal["file", "zip", "tar", "tfrecord"]

_FILE = "file://"


@dataclass(frozen=True)
class Entry:
    """A file in a folder or in an archive.

    path: the file, or the archive that holds it
    name: its path relative to the folder or the archive, with `/`
    stamp: changes when the file is written again
    kind: what `path` is; a `tfrecord` holds many images
    member: its number within an archive
    """

    path: str
    name: str
    stamp: str
    kind: Kind = "file"
    member: int = 0


def is_remote(path: str) -> bool:
    """Whether the path is a URL, as `gs://bucket/photos` is."""
    return "://" in path


def plain(path: str) -> str:
    """The local path that a `file://` URL names, which Beam does not know; else what was given."""
    if not path.lower().startswith(_FILE):
        return path
    return unquote(path[len(_FILE) :].removeprefix("localhost"))


def folder(path: str) -> list[Entry] | None:
    """All files below a folder, whatever they are; None where the path is a file.

    Linked folders are followed, unless they lead back up.

    Raises:
      DataError: there is nothing at the path, or it cannot be listed.
    """
    entries = walked(path)
    return None if entries is None else list(entries)


def walked(path: str, *, in_order: bool = True) -> Iterator[Entry] | None:
    """The files of `folder`, one after another, so that millions of them fill no memory.

    Args:
      in_order: sort the names in each folder, which are held in memory for it.

    Raises:
      DataError: as `folder` does; what cannot be listed is noticed on the way.
    """
    if is_remote(path):
        entries = _remote_folder(path)
        return None if entries is None else iter(entries)
    if not os.path.exists(path):  # noqa: PTH110  names may hold bytes that are no text
        raise DataError(_missing(path))
    return _listed(path, in_order=in_order) if Path(path).is_dir() else None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file to read its bytes as they are.

    Raises:
      OSError: it cannot be opened, or is no file.
    """
    if is_remote(path):
        from apache_beam.io.filesystem import CompressionTypes

        raw = CompressionTypes.UNCOMPRESSED
        with _beam("open", path, compression_type=raw) as file:
            yield file
        return
    # A pipe would wait for ever for someone to write.
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
        raise OSError(f"{path} is neither a file nor a folder")
    with open(path, "rb") as file:  # noqa: PTH123
        yield file


def stamp(path: str) -> str:
    """Size and time of a file, as text; `missing` where there is none."""
    if is_remote(path):
        try:
            [found] = _beam("match", [path])
            return _remote_stamp(found.metadata_list[0])
        except (OSError, IndexError):
            return "missing"
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):  # ValueError: not a name that a file could have.
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def printable(name: str) -> str:
    """A name that can be written as UTF-8, whatever bytes the file system holds."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # Half a surrogate pair, which JSON can spell.
        return name.encode("utf-8", "backslashreplace").decode()


def _listed(path: str, *, in_order: bool) -> Iterator[Entry]:
    try:
        yield from _walk(path, path, frozenset(), in_order=in_order)
    except OSError as error:
        raise DataError(f"the data folder {path} cannot be listed: {error}") from None


def _walk(
    root: str, place: str, above: frozenset[tuple[int, int]], *, in_order: bool
) -> Iterator[Entry]:
    status = os.stat(place)  # noqa: PTH116
    here = (status.st_dev, status.st_ino)
    if here in above:  # A link led back here.
        return
    with os.scandir(place) as found:
        entries = sorted(found, key=lambda entry: entry.name) if in_order else found
        for entry in entries:
            if entry.is_dir():
                yield from _walk(root, entry.path, above | {here}, in_order=in_order)
            else:
                name = printable(os.path.relpath(entry.path, root))
                yield Entry(entry.path, name, stamp(entry.path))


def _remote_folder(path: str) -> list[Entry] | None:
    access.check(path)
    root = path.rstrip("/") + "/"
    try:
        [found] = _beam("match", [root + "**"])
        is_file = not found.metadata_list and _beam("exists", path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if not found.metadata_list and not is_file:
        raise DataError(_missing(path))
    files = sorted(found.metadata_list, key=lambda each: each.path)
    entries = [
        Entry(each.path, printable(each.path.removeprefix(root)), _remote_stamp(each))
        for each in files
        if not each.path.endswith("/")
    ]
    return None if is_file else entries


def _remote_stamp(metadata: Any) -> str:
    return f"{metadata.size_in_bytes} {metadata.last_updated_in_seconds}"


def _beam(action: str, *arguments: Any, **options: Any) -> Any:
    """Ask Beam's file systems; whatever goes wrong there is an OSError."""
    from apache_beam.io.filesystems import FileSystems

    try:
        return getattr(FileSystems, action)(*arguments, **options)
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _missing(path: str) -> str:
    return (
        f"the data set {path} does not exist; should be a folder laid out as DIR/<class>/*, a "
        "manifest or an archive"
    )
