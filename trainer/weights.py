"""The pretrained weights: find the file, fetch it once if need be, and read it.

What can be told from the file alone is told here, fast and without TensorFlow. Whether each shape
fits is told by `trainer.backbone.check`: it builds the network, which names the cut anyway, so no
second table of 188 shapes has to be kept.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, cast

from trainer.errors import WeightsError
from trainer.progress import Progress, report

if TYPE_CHECKING:
    import h5py
    import numpy as np
    import requests

AUTO = "auto"
RANDOM = "random"
ENVIRONMENT_VARIABLE = "FROSTLINE_WEIGHTS"

# Convolutions, and as many batch norms, of Inception V3 without its classifier.
CONVOLUTIONS = 94

_ANSWER_SECONDS = 5.0
_SILENCE_SECONDS = 15.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Published:
    """A weights file on the network: its address, size and checksum."""

    url: str
    size_bytes: int
    md5: str

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.url.rpartition("/")[2]


INCEPTION_V3 = Published(
    url="https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    size_bytes=87_910_968,
    md5="bcbd6486424b2319ff4ef7d526e38f63",
)


@dataclass(frozen=True)
class StoredLayer:
    """The arrays of one layer as the file holds them.

    A convolution has one kernel [height, width, channels in, channels out]; a batch norm has
    beta, moving mean and moving variance, each [channels].
    """

    name: str
    arrays: tuple["np.ndarray", ...]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each array."""
        return [array.shape for array in self.arrays]


def locate(
    setting: str,
    *,
    environ: Mapping[str, str],
    keras_cache: Path | None = None,
    source: Published = INCEPTION_V3,
) -> Path:
    """Path of the weights file that `setting` means: `auto`, or a path.

    `auto` is $FROSTLINE_WEIGHTS, else the file in Keras' cache (by default `models` in
    $KERAS_HOME or ~/.keras), else `source`, downloaded into that cache. A path that the user
    named is not looked at: that is for `verify`. `RANDOM` has no file; the caller sees to it.

    Raises:
        WeightsError: the file had to be downloaded and could not be.
    """
    named = environ.get(ENVIRONMENT_VARIABLE) if setting == AUTO else setting
    if named:
        return Path(named).expanduser()
    keras_home = Path(environ.get("KERAS_HOME") or "~/.keras").expanduser()
    cached = (keras_cache or keras_home / "models") / source.name
    if not cached.exists():
        download(source, cached)
    return cached


def download(
    source: Published,
    target: Path,
    *,
    answer_seconds: float = _ANSWER_SECONDS,
    silence_seconds: float = _SILENCE_SECONDS,
) -> None:
    """Fetch `source` into `target`, which appears whole and with the right checksum or not at all.

    Raises:
        WeightsError: no answer within `answer_seconds`, nothing more for `silence_seconds`, other
            bytes than the published ones, or `target` cannot be written.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _open(source.url, answer_seconds, silence_seconds) as response:
                _write(_counted(response, source.size_bytes), part)
            if difference := _other_bytes(part, source):
                raise WeightsError(
                    f"{source.url} sent other bytes than its weights file: {difference}. "
                    f"{_remedy(target)}"
                )
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:  # also every error of `requests`
        raise WeightsError(
            f"cannot download {source.url} to {target}: {_reason(error)}. {_remedy(target)}"
        ) from error


def verify(path: Path, *, source: Published = INCEPTION_V3) -> str:
    """Hex sha256 of the weights file at `path`, once it is sure to be laid out as it must be.

    Raises:
        WeightsError: the file is missing, cut short, not HDF5, not Inception V3 without its top,
            or has the name and size of `source` with other contents.
    """
    try:
        if not path.is_file():
            raise WeightsError(f"no weights file at {path}. {_remedy()}")
        _refuse_damage(path, source)
        read(path)
        return _digest(path, "sha256")
    except OSError as error:
        raise WeightsError(f"cannot read the weights file {path}: {error}. {_remedy()}") from error


def read(path: Path) -> list[StoredLayer]:
    """The layers of a Keras `notop` HDF5 file that have weights, in the network's order.

    Raises:
        WeightsError: not HDF5, cut short, or not 94 convolutions and 94 batch norms.
    """
    import h5py  # a sixth of a second, too much for `frostline --help`

    try:
        with h5py.File(path) as file:
            layers = [layer for layer in _stored_layers(file) if layer.arrays]
    except OSError as error:
        kind = "is cut short or damaged" if _starts_as_hdf5(path) else "is not an HDF5 file"
        raise WeightsError(
            f"the weights file {path} ({path.stat().st_size:,} bytes) {kind}: {error}. {_remedy()}"
        ) from error
    except (KeyError, TypeError, ValueError) as error:  # no such name, or another kind of thing
        raise WeightsError(
            f"the weights file {path} is HDF5 but not in the layout of Keras' pretrained "
            f"weights: {error}. {_remedy()}"
        ) from error
    _refuse_other_networks(path, layers)
    return layers


def _stored_layers(file: "h5py.File") -> Iterator[StoredLayer]:
    for name in _names(file, "layer_names"):
        group = cast("h5py.Group", file[name])
        datasets = [cast("h5py.Dataset", group[each]) for each in _names(group, "weight_names")]
        yield StoredLayer(name, tuple(dataset[()] for dataset in datasets))


def _names(group: "h5py.Group", attribute: str) -> list[str]:
    names = cast("np.ndarray", group.attrs[attribute]).tolist()
    return [name.decode() if isinstance(name, bytes) else name for name in names]


def _starts_as_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def _refuse_other_networks(path: Path, layers: list[StoredLayer]) -> None:
    ranks = [tuple(len(shape) for shape in layer.shapes) for layer in layers]
    kernels, norms = ranks.count((4,)), ranks.count((1, 1, 1))
    if kernels == norms == CONVOLUTIONS and len(layers) == 2 * CONVOLUTIONS:
        return
    raise WeightsError(
        f"the weights file {path} is not Inception V3 without its top: it holds {kernels} "
        f"convolutions, {norms} batch norms and {len(layers) - kernels - norms} other layers "
        f"with weights, not {CONVOLUTIONS}, {CONVOLUTIONS} and 0. {_remedy()}"
    )


def _refuse_damage(path: Path, source: Published) -> None:
    if (path.name, path.stat().st_size) != (source.name, source.size_bytes):
        return
    if difference := _other_bytes(path, source):
        raise WeightsError(
            f"the weights file {path} is damaged: {difference} at {source.url}. Delete it and "
            f"run again. {_remedy()}"
        )


def _other_bytes(path: Path, source: Published) -> str:
    """How the file at `path` differs from what was published; empty where it does not."""
    size_bytes, md5 = path.stat().st_size, _digest(path, "md5")
    if (size_bytes, md5) == (source.size_bytes, source.md5):
        return ""
    return (
        f"{size_bytes:,} bytes with md5 {md5}, where {source.size_bytes:,} bytes with md5 "
        f"{source.md5} were published"
    )


def _remedy(target: Path | None = None) -> str:
    # With a target, the sentence before has named the address.
    file = "it elsewhere" if target else f"{INCEPTION_V3.url} ({INCEPTION_V3.size_bytes:,} bytes)"
    place = f"put it at {target}, " if target else ""
    return (
        f"Get {file}, then {place}pass "
        f"--weights PATH, or set ${ENVIRONMENT_VARIABLE}; --weights random tries the machinery "
        f"without"
    )


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _open(url: str, answer_seconds: float, silence_seconds: float) -> "requests.Response":
    # A host with sixteen addresses is tried sixteen times, each with its own timeout, and a name
    # server has a timeout of its own: only waiting for a thread bounds it all.
    import requests

    answer: Future[requests.Response] = Future()

    def ask() -> None:
        try:
            answer.set_result(
                requests.get(url, stream=True, timeout=(answer_seconds, silence_seconds))
            )
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        response = answer.result(timeout=answer_seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {answer_seconds:g} seconds") from error
    response.raise_for_status()
    return response


def _counted(response: "requests.Response", size_bytes: int) -> Iterator[bytes]:
    done = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        done += len(chunk)
        report(Progress(done, size_bytes, "bytes", "of Inception V3's weights downloaded"))
        yield chunk
        if done > size_bytes:  # not our file: do not fill the disk with it
            return


def _reason(error: BaseException) -> str:
    """What is behind an error: `requests` wraps that of the connection, which names its object."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    return str(error).rpartition("): ")[2]


def _write(chunks: Iterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)
