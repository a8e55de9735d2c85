"""Zip and tar archives, read where they are: nothing is ever unpacked to disk."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, BinaryIO

from components import storage
from components.image_files import ImageFile
from components.quarantine import Rejected
from components.storage import Entry
from trainer.errors import DataError

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_HEAD_BYTES = 512
# Whatever bytes an archive holds, it must not stop a run: zipfile and tarfile raise a dozen kinds
# of errors, so that all of them are caught where a member or an archive is read.
_STEP_BYTES = 1 << 20
_MOST_INFLATED = 200  # times its size, which no archive of images comes near
_ALWAYS_INFLATED = 1 << 30


def kind_of(head: bytes) -> storage.Kind:
    """What a file is, by its first 512 bytes: `zip`, `tar` (packed or not) or `file`."""
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    is_packed = any(head.startswith(magic) for magic in _OPENERS)
    return "tar" if is_packed or head[257:262] == b"ustar" else "file"


def entries(path: str, kind: storage.Kind) -> list[Entry]:
    """The files in an archive, in its own order.

    Raises:
      DataError: the archive is broken.
    """
    try:
        return list(_zip_entries(path) if kind == "zip" else _tar_entries(path))
    except Exception as error:
        raise DataError(
            f"the archive {path} is broken: {str(error) or type(error).__name__}; make it again"
        ) from None


def read(
    path: str, kind: storage.Kind, files: Sequence[ImageFile], *, max_bytes: int
) -> Iterator[tuple[ImageFile, bytes | Rejected]]:
    """Read members of one archive; none is unpacked beyond `max_bytes` plus one."""
    reader = _read_zip if kind == "zip" else _read_tar
    left = {file.member: file for file in files}
    problem = "it is no longer in the archive"
    try:
        for member, content in reader(path, left.keys(), max_bytes):
            yield left.pop(member), content
    except Exception as error:
        problem = f"the archive is broken: {error}"
    for file in left.values():
        yield file, Rejected("unreadable", problem)


def too_many_bytes(max_bytes: int) -> Rejected:
    """Said of a file whose size alone is too much."""
    return Rejected("too_many_bytes", f"it has more than {max_bytes} bytes")


def _zip_entries(path: str) -> Iterator[Entry]:
    with storage.opened(path) as file, zipfile.ZipFile(file) as archive:
        for number, info in enumerate(archive.infolist()):
            if not info.is_dir():
                # Some packers of Windows write its own separator.
                name = storage.printable(info.filename.replace("\\", "/"))
                yield Entry(path, name, f"{info.file_size} {info.CRC:08x}", "zip", number)


def _read_zip(
    path: str, wanted: Collection[int], max_bytes: int
) -> Iterator[tuple[int, bytes | Rejected]]:
    with storage.opened(path) as file, zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        for number in sorted(wanted):
            if number < len(infos):
                yield number, _zip_member(archive, infos[number], max_bytes)


def _zip_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int
) -> bytes | Rejected:
    if refused := _refused(info.filename.replace("\\", "/")):
        return refused
    if stat.S_ISLNK(info.external_attr >> 16):
        return Rejected("unreadable", "it is a link inside an archive")
    try:
        with archive.open(info) as member:
            return _bounded(member, info.file_size, max_bytes)
    except Exception as error:
        return Rejected("unreadable", f"its member of the archive is broken: {error}")


def _tar_entries(path: str) -> Iterator[Entry]:
    whole = storage.stamp(path)
    for number, _, info in _tar_members(path):
        if not info.isdir():
            # What `tar -c .` packs is named from there.
            name = storage.printable(info.name.removeprefix("./"))
            yield Entry(path, name, f"{whole} {info.offset}", "tar", number)


def _read_tar(
    path: str, wanted: Collection[int], max_bytes: int
) -> Iterator[tuple[int, bytes | Rejected]]:
    for number, archive, info in _tar_members(path):
        if number in wanted:
            yield number, _tar_member(archive, info, max_bytes)


def _tar_member(
    archive: tarfile.TarFile, info: tarfile.TarInfo, max_bytes: int
) -> bytes | Rejected:
    if refused := _refused(info.name):
        return refused
    if not info.isreg():
        what = "a link" if info.issym() or info.islnk() else "no file"
        return Rejected("unreadable", f"it is {what} inside an archive")
    member = archive.extractfile(info)
    return _bounded(member, info.size, max_bytes) if member else b""


def _tar_members(path: str) -> Iterator[tuple[int, tarfile.TarFile, tarfile.TarInfo]]:
    """Each member with its number, from the first to the last; read one before the next."""
    with _inflated(path) as stream, _Tar(fileobj=stream) as archive:
        for number, info in enumerate(iter(archive.next, None)):
            yield number, archive, info
            archive.members.clear()  # Or it would keep them all.
        if stream.last != bytes(tarfile.BLOCKSIZE):
            # Where it cannot go on, tarfile stops as if it had come to the end.
            raise tarfile.ReadError(f"it ends, or turns to rubbish, at byte {archive.offset}")


def _refused(name: str) -> Rejected | None:
    if ".." in name.split("/"):
        return Rejected("unreadable", f"its name {name!r} leads out of the archive")
    return None


def _bounded(member: IO[bytes], size: int, max_bytes: int) -> bytes | Rejected:
    content = member.read(max_bytes + 1)
    if len(content) > max_bytes:
        return too_many_bytes(max_bytes)
    if len(content) < size:
        return Rejected("unreadable", f"{len(content)} of its {size} bytes are there")
    return content


class _Tar(tarfile.TarFile):
    members: list[tarfile.TarInfo]  # What tarfile has read so far; typeshed leaves it out.


class _Forward(io.RawIOBase):
    """A packed tar as tarfile wants to read it: forward only, and not without end.

    last: what was last read, so that the end of an archive can be told from a cut.
    """

    def __init__(self, stream: BinaryIO, packed: BinaryIO) -> None:
        self._stream = stream
        self._packed = packed
        self._place = 0
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        self.last = self._stream.read(size)
        self._place += len(self.last)
        if self._place > max(_ALWAYS_INFLATED, _MOST_INFLATED * self._packed.tell()):
            raise tarfile.ReadError(f"it inflates to more than {_MOST_INFLATED} times its size")
        return self.last

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if place < self._place:
            raise tarfile.ReadError("a header points back")
        while self._place < place and self.read(min(place - self._place, _STEP_BYTES)):
            pass
        return self._place


@contextmanager
def _inflated(path: str) -> Iterator[_Forward]:
    with storage.opened(path) as file:
        head = file.read(_HEAD_BYTES)
    with ExitStack() as stack:
        packed = stack.enter_context(storage.opened(path))
        opener = next((_OPENERS[magic] for magic in _OPENERS if head.startswith(magic)), None)
        stream = stack.enter_context(opener(packed)) if opener else packed
        yield _Forward(stream, packed)
