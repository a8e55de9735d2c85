"""What there is to do: a list of images on disk, and the portions of it that workers take.

The list may be as long as it likes: what is handed to workers are places in it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

from components import storage
from components.image_files import ImageFile

# Fewer would leave workers idle, more would be many small files; both but for small or odd sets.
_FEWEST_SHARDS = 16
_MOST_IMAGES_A_SHARD = 2000
_WHOLE = ("tar", "tfrecord")


@dataclass(frozen=True)
class Portion:
    """What becomes one shard.

    number: of the shard, from 0
    offset: where its first line of the list begins, in bytes
    lines: how many it has
    """

    number: int
    offset: int
    lines: int


@dataclass(frozen=True)
class Work:
    """All that there is to do.

    images: how many; None where only TFRecords know
    """

    portions: tuple[Portion, ...]
    images: int | None


@dataclass(frozen=True)
class _Stretch:
    """Lines of the list, one behind the other.

    is_whole: whether one worker has to read them: a tar, which is read from its start, or a file
      of TFRecords, which holds who knows how many images
    """

    offset: int
    lines: int
    kind: storage.Kind

    @property
    def is_whole(self) -> bool:
        return self.kind in _WHOLE


def write(path: Path, files: Iterable[ImageFile], *, batch_size: int) -> Work:
    """Write the list, a line a file, and share it out in full batches, where that can be."""
    stretches = []
    with path.open("wb") as out:
        for (kind, _), same in groupby(files, key=_read_as_one):
            most = None if kind in _WHOLE else batch_size
            while lines := [_line(file) for file in islice(same, most)]:
                stretches.append(_Stretch(out.tell(), len(lines), kind))
                out.writelines(lines)
    is_counted = all(stretch.kind != "tfrecord" for stretch in stretches)
    images = sum(stretch.lines for stretch in stretches) if is_counted else None
    return Work(tuple(_portions(stretches, batch_size)), images)


def _portions(stretches: Sequence[_Stretch], batch_size: int) -> list[Portion]:
    free = sum(stretch.lines for stretch in stretches if not stretch.is_whole)
    wanted = min(_MOST_IMAGES_A_SHARD, -(-free // _FEWEST_SHARDS))
    most = -(-wanted // batch_size) * batch_size
    found: list[Portion] = []
    room = 0
    for stretch in stretches:
        if stretch.is_whole or stretch.lines > room:
            found.append(Portion(len(found), stretch.offset, stretch.lines))
            room = 0 if stretch.is_whole else most - stretch.lines
        else:
            found[-1] = replace(found[-1], lines=found[-1].lines + stretch.lines)
            room -= stretch.lines
    return found


def read(path: str, portion: Portion) -> Iterator[ImageFile]:
    """The files of a portion."""
    with storage.opened(path) as file:
        file.seek(portion.offset)
        for _ in range(portion.lines):
            place, name, kind, member = json.loads(file.readline())
            yield ImageFile(place, name, label="", split=None, kind=kind, member=member)


def _read_as_one(file: ImageFile) -> tuple[storage.Kind, str]:
    return file.kind, file.path if file.kind in _WHOLE else ""


def _line(file: ImageFile) -> bytes:
    return json.dumps([file.path, file.name, file.kind, file.member]).encode() + b"\n"
