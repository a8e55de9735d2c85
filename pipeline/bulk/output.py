"""The folder of predictions, which appears whole or not at all.

Beside `OUTPUT`, as long as it is not whole (on a remote file system within it):
  .OUTPUT.unfinished/log   what Beam and TensorFlow said
  .OUTPUT.unfinished/run-<id>/images.jsonl   what there is to do; see `pipeline.bulk.work`
  .OUTPUT.unfinished/run-<id>/parts/<shard>.<images>.<failures>   a finished shard
"""

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from components import storage
from components.storage import Entry
from trainer.errors import ConfigError, DataError, FrostlineError

SUCCESS = "_SUCCESS"
LOG = "log"


class PipelineError(FrostlineError):
    """Beam's pipeline failed; its log is kept."""


@dataclass(frozen=True)
class Part:
    """A finished shard.

    number: of the shard, from 0
    images: predictions in it
    failures: those of them that say why there is none
    """

    number: int
    images: int
    failures: int

    @property
    def name(self) -> str:
        """Its name until all are there, which tells what it holds."""
        return f"{self.number}.{self.images}.{self.failures}"


@dataclass(frozen=True)
class Output:
    """A folder of predictions in the making.

    folder: what it will be called
    unfinished: where everything is until then
    scratch: a folder of this machine, for the log
    """

    folder: str
    unfinished: str
    scratch: Path

    @property
    def images(self) -> str:
        """The list of what there is to do."""
        return f"{self.unfinished}/images.jsonl"

    @property
    def parts(self) -> str:
        """The folder of finished shards."""
        return f"{self.unfinished}/parts"


@contextmanager
def opened(folder: str) -> Iterator[Output]:
    """A place for the predictions; what is left in it when the block ends is removed.

    Raises:
      ConfigError: there is something, it cannot be written, or somebody else writes it.
    """
    is_remote = storage.is_remote(folder)
    with _remote(folder) if is_remote else _local(Path(folder).resolve()) as output:
        yield output


@contextmanager
def _local(folder: Path) -> Iterator[Output]:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise _taken(str(folder))
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    with _locked(unfinished, folder), _swept(unfinished):
        for left in unfinished.glob("run-*"):  # By a run that was killed.
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: the killed run's workers may live on for seconds.
        output = Output(str(folder), str(unfinished / f"run-{uuid.uuid4().hex}"), unfinished)
        Path(output.parts).mkdir(parents=True)
        try:
            yield output
        finally:
            shutil.rmtree(output.unfinished, ignore_errors=True)


@contextmanager
def _locked(unfinished: Path, folder: Path) -> Iterator[None]:
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
        lock = (unfinished / "lock").open("w")
    except OSError as error:
        raise ConfigError(f"--output {folder} cannot be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"--output {folder} is being written by another `frostline bulk-predict`: wait "
                "until it ends, or choose another folder"
            ) from None
        yield


@contextmanager
def _remote(folder: str) -> Iterator[Output]:
    from apache_beam.io.filesystems import FileSystems

    folder = folder.rstrip("/")
    if any(not entry.name.startswith(".") for entry in _entries(folder)):
        raise _taken(folder)
    output = Output(
        folder,
        f"{folder}/.unfinished-{uuid.uuid4().hex}",
        Path(tempfile.mkdtemp(prefix="frostline-")),
    )
    with _swept(output.scratch):
        try:
            yield output
        finally:
            with suppress(OSError):  # What stays has a hidden name, and is no result.
                FileSystems.delete([f"{output.unfinished}/"])


@contextmanager
def _swept(folder: Path) -> Iterator[None]:
    try:
        yield
    except PipelineError:
        raise  # It names the log.
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def put(source: Path, target: str) -> None:
    """Copy a file of this machine to its place, where it appears at once."""
    if not storage.is_remote(target):
        unfinished = Path(target).with_name(f".{uuid.uuid4().hex}")
        shutil.copyfile(source, unfinished)
        unfinished.replace(target)
        return
    from apache_beam.io.filesystems import FileSystems

    with source.open("rb") as file, FileSystems.create(target) as out:
        shutil.copyfileobj(file, out)


def parts(output: Output) -> dict[int, Part]:
    """The finished shards, by their numbers: of one that was made twice, either."""
    found = {}
    for entry in _entries(output.parts):
        with suppress(ValueError):  # Half-written, or something else's.
            part = Part(*map(int, entry.name.split(".")))
            found[part.number] = part
    return found


def finish(output: Output, found: Sequence[Part], suffix: str) -> None:
    """Give the shards their names, then let the folder appear.

    Raises:
      ConfigError: the folder has come to be meanwhile.
    """
    from apache_beam.io.filesystems import FileSystems

    is_remote = storage.is_remote(output.folder)
    whole = output.folder if is_remote else f"{output.unfinished}/whole"
    if not is_remote:
        Path(whole).mkdir()
    shards = [f"{whole}/part-{part.number:05d}-of-{len(found):05d}.{suffix}" for part in found]
    FileSystems.rename([f"{output.parts}/{part.name}" for part in found], shards)
    counts = {"images": sum(each.images for each in found)}
    counts["failures"] = sum(each.failures for each in found)
    # Hadoop's and Spark's sign that a folder is whole; readers of data sets pass it over.
    with FileSystems.create(f"{whole}/{SUCCESS}") as marker:
        marker.write(json.dumps(counts).encode() + b"\n")
    if not is_remote:
        try:
            os.rename(whole, output.folder)  # noqa: PTH104  never over another folder's files
        except OSError:
            raise _taken(output.folder) from None


def _entries(folder: str) -> Iterable[Entry]:
    try:
        return storage.walked(folder, in_order=False) or ()
    except DataError:  # A bucket has no empty folders.
        return ()


def _taken(folder: str) -> ConfigError:
    return ConfigError(f"--output {folder} is there already: choose another folder, or remove it")
