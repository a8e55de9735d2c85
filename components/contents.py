"""From a listing to bytes: the one way in which images of every origin are read."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from components import archives, storage
from components.image_files import ImageFile
from components.quarantine import Rejected

_STEP_BYTES = 1 << 18


def read(
    files: Iterable[ImageFile], *, max_bytes: int, is_labelled: bool = True
) -> Iterator[tuple[ImageFile, bytes | Rejected]]:
    """Read files, in their order where they lie alone, and archive by archive.

    Nothing in a file makes it raise.

    Args:
      files: what to read; TFRecords give as many images as they hold.
      max_bytes: a larger file is not read.
      is_labelled: whether a record needs a label, as training does.
    """
    for (kind, path), members in itertools.groupby(files, lambda file: (file.kind, file.path)):
        match kind:
            case "file":
                yield from ((file, _read(file.path, max_bytes)) for file in members)
            case "tfrecord":
                from components import records  # Loads TensorFlow, which plain files don't need.

                for file in members:
                    yield from records.read(file, max_bytes=max_bytes, is_labelled=is_labelled)
            case _:
                yield from archives.read(path, kind, list(members), max_bytes=max_bytes)


def portions(files: Sequence[ImageFile], count: int) -> list[Sequence[ImageFile]]:
    """Share files out for reading side by side, each portion about as large.

    A tar can only be read from its start, so that it stays whole.

    Args:
      count: how many portions there should be, at most.

    Returns:
      every `count`-th file each, so that no portion holds one class or split only.
    """
    if any(file.kind == "tar" for file in files):
        return [files]
    return [files[start::count] for start in range(min(count, len(files)))]


def _read(path: str, max_bytes: int) -> bytes | Rejected:
    try:
        with storage.opened(path) as file:
            # Most files end here: to ask for all that may be would make room for as much.
            content = file.read(min(_STEP_BYTES, max_bytes + 1))
            if len(content) == _STEP_BYTES:
                content += file.read(max_bytes + 1 - _STEP_BYTES)
    except Exception as error:  # Remote file systems raise what they like.
        return Rejected("unreadable", str(error) or type(error).__name__)
    if len(content) > max_bytes:
        return archives.too_many_bytes(max_bytes)
    return content
