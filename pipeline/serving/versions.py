"""The versions of the watched models: found in their folders, loaded, lent out, retired.

As in TF Serving, a version is dropped only when another one is there to answer, and a version
that is lent out lives until its last request is answered.
"""

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from components import releases
from pipeline.serving.answers import Code, ServingError
from pipeline.serving.model_folders import version_folders
from pipeline.serving.settings import WatchedModel

_REMEMBERED = 100  # States of versions that are gone: TF Serving keeps them all.


class Loaded(Protocol):
    """What is served of a version."""

    def close(self) -> None:
        """Free it."""
        ...


Version = TypeVar("Version", bound=Loaded)


@dataclass(frozen=True)
class Address:
    """Whom a request is for: a model, and if wanted one of its versions, by number or label."""

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class VersionState:
    """What became of a version: TF Serving's state, code and message."""

    version: int
    state: str
    code: Code = Code.OK
    message: str = ""


@dataclass
class _Lent(Generic[Version]):
    servable: Version
    users: int = 0
    retired: bool = False


@dataclass
class _Model(Generic[Version]):
    watched: WatchedModel
    available: dict[int, _Lent[Version]] = field(default_factory=dict)
    states: dict[int, VersionState] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)


class Versions(Generic[Version]):
    """The models that are served, by name. Safe to use from several threads.

    Args:
      load: loads the version of a model from its folder; raises ServingError.
    """

    def __init__(self, *, load: Callable[[str, int, Path], Version]) -> None:
        self._load = load
        self._models: dict[str, _Model[Version]] = {}
        self._lock = threading.Lock()
        self._polling = threading.Lock()

    def watch(self, models: Sequence[WatchedModel]) -> None:
        """Serve exactly these models, and load what they have.

        Raises:
          ServingError: a version cannot be loaded, or a label has none; what can be served is.
        """
        with self._lock:
            gone = [model for name, model in self._models.items() if name not in _names(models)]
            self._models = {
                model.name: self._renewed(self._models.get(model.name), model) for model in models
            }
        for model in gone:
            self._retire(model, set(model.available))
        self.poll()
        for model in models:
            self._check(self._models[model.name])

    @staticmethod
    def _renewed(known: _Model[Version] | None, watched: WatchedModel) -> _Model[Version]:
        return _Model(watched) if known is None else replace(known, watched=watched, failed={})

    def _check(self, model: _Model[Version]) -> None:
        for state in model.states.values():
            if state.code is not Code.OK:
                raise ServingError(
                    Code.UNKNOWN,
                    "1 servable(s) did not become available: "
                    f"{{{{name: {model.watched.name} version: {state.version}}} due to error: "
                    f"{state.message}}}",
                )
        for version in model.watched.labels.values():
            if version not in model.available:
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model "
                    f"{model.watched.name}, which is not currently available for inference",
                )

    def poll(self) -> None:
        """Look into the folders once: load what is new, retire what is gone."""
        with self._polling:
            for model in list(self._models.values()):
                self._poll(model)

    def _poll(self, model: _Model[Version]) -> None:
        found = version_folders(model.watched.base_path)
        if found is None:
            return  # As in TF Serving: a folder that is out of reach retires nothing.
        wanted = model.watched.policy.wanted(found)
        for version in sorted(wanted - set(model.available), reverse=True):
            self._try_to_load(model, version, found[version])
        if not wanted or wanted & set(model.available):
            self._retire(model, set(model.available) - wanted)
        for version in set(model.failed) - set(found):
            del model.failed[version]

    def _try_to_load(self, model: _Model[Version], version: int, folder: Path) -> None:
        stamp = (folder / releases.SAVED_MODEL).stat().st_mtime_ns if folder.exists() else 0
        if model.failed.get(version) == stamp:
            return
        self._note(model, VersionState(version, "LOADING"))
        try:
            servable = self._load(model.watched.name, version, folder)
        except ServingError as error:
            model.failed[version] = stamp
            self._note(model, VersionState(version, "END", error.code, error.message))
            return
        with self._lock:
            model.available[version] = _Lent(servable)
        self._note(model, VersionState(version, "AVAILABLE"))

    def _retire(self, model: _Model[Version], versions: set[int]) -> None:
        for version in sorted(versions):
            self._note(model, VersionState(version, "UNLOADING"))
            with self._lock:
                lent = model.available.pop(version)
                lent.retired = True
                unused = lent.users == 0
            if unused:
                lent.servable.close()
            self._note(model, VersionState(version, "END"))
            # A graph in Python is full of cycles.
            gc.collect()

    def _note(self, model: _Model[Version], state: VersionState) -> None:
        with self._lock:
            model.states[state.version] = state
            ended = sorted(key for key, known in model.states.items() if known.state == "END")
            for version in ended[: max(len(ended) - _REMEMBERED, 0)]:
                del model.states[version]

    @contextmanager
    def leased(self, address: Address) -> Iterator[Version]:
        """Lend the version that an address means; it stays until it is given back.

        Raises:
          ServingError: there is none.
        """
        with self._lock:
            lent = self._found(address)
            lent.users += 1
        try:
            yield lent.servable
        finally:
            with self._lock:
                lent.users -= 1
                unused = lent.retired and lent.users == 0
            if unused:
                lent.servable.close()

    def _found(self, address: Address) -> _Lent[Version]:
        version = self._number(address)
        model = self._models.get(address.name)
        available: Mapping[int, _Lent[Version]] = model.available if model else {}
        if version is None and available:
            return available[max(available)]
        if version in available:
            return available[version]
        request = (
            f"Latest({address.name})" if version is None else f"Specific({address.name}, {version})"
        )
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {request}")

    def _number(self, address: Address) -> int | None:
        if not address.name:
            raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        if address.label is None:
            return address.version
        model = self._models.get(address.name)
        version = model.watched.labels.get(address.label) if model else None
        if version is None:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {address.label}"
            )
        return version

    def states(self, address: Address) -> list[VersionState]:
        """What became of a model's versions, the highest first.

        Raises:
          ServingError: nothing is known of the model or the version.
        """
        with self._lock:
            version = self._number(address)
            model = self._models.get(address.name)
            known = dict(model.states) if model else {}
        if version is not None:
            if version not in known:
                raise ServingError(
                    Code.NOT_FOUND, f"Could not find version {version} of model {address.name}"
                )
            return [known[version]]
        if not known:
            raise ServingError(
                Code.NOT_FOUND, f"Could not find any versions of model {address.name}"
            )
        return [known[number] for number in sorted(known, reverse=True)]

    def knows(self, name: str) -> bool:
        """Whether a model of this name is watched."""
        return name in self._models

    def close(self) -> None:
        """Retire everything."""
        with self._polling:
            for model in self._models.values():
                self._retire(model, set(model.available))


def _names(models: Sequence[WatchedModel]) -> set[str]:
    return {model.name for model in models}
