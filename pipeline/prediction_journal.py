"""Predictions that are kept while they are made, so that the next run can go on from them."""

import fcntl
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline import prediction_formats
from pipeline.prediction_formats import Prediction
from trainer.errors import ConfigError


class Journal:
    """A file with a line for each prediction, written at once; a torn last line is dropped.

    A prediction counts as long as the image has the size and the time that it had.

    Attributes:
      resumed: how many predictions of an earlier run are in it.
    """

    def __init__(self, file: IO[bytes], *, model: str) -> None:
        self._file = file
        self._places: dict[str, tuple[int, Any]] = {}
        if not self._read(model):
            self._places.clear()
            file.seek(0)
            file.truncate()
            self._write({"model": model})
        self.resumed = len(self._places)

    def _read(self, model: str) -> bool:
        """Take what is there, if it is of this model."""
        header = _parsed(self._file.readline())
        if header is None or header.get("model") != model:
            return False
        place = self._file.tell()
        for line in self._file:
            entry = _parsed(line)
            if entry is None or "path" not in entry:
                break
            self._places[entry["path"]] = (place, entry.get("stamp"))
            place += len(line)
        self._file.seek(place)
        self._file.truncate()
        return True

    def has(self, path: str, file: Path) -> bool:
        """Whether the image is predicted, and has not changed since."""
        return path in self._places and self._places[path][1] == _stamp(file)

    def add(self, predictions: Iterable[tuple[Path, Prediction]]) -> None:
        """Keep predictions, safe from the end of this process."""
        for file, prediction in predictions:
            stamp = _stamp(file)
            self._places[prediction.path] = (self._file.tell(), stamp)
            self._write({"stamp": stamp, **prediction_formats.fields(prediction)})
        self._file.flush()

    def predictions(self, paths: Sequence[str]) -> Iterator[Prediction]:
        """The predictions of images, in this order."""
        for path in paths:
            self._file.seek(self._places[path][0])
            yield prediction_formats.from_fields(json.loads(self._file.readline()))

    def _write(self, entry: Any) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


@contextmanager
def opened(output: Path, *, model: str) -> Iterator[Journal]:
    """The journal beside an output file. It is gone when the block ends well, else it stays.

    Raises:
      ConfigError: it cannot be written, or somebody else writes it.
    """
    path = output.with_name(f".{output.name}.partial")
    try:
        file = path.open("a+b")
    except OSError as error:
        raise ConfigError(f"--output {output} cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"--output {output} is being written by another `frostline predict`: wait until "
                "it ends, or choose another file"
            ) from None
        file.seek(0)
        yield Journal(file, model=model)
        path.unlink()


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _stamp(file: Path) -> list[int] | None:
    """What changes when the file does; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
