"""A pushed model, wherever it is: a SavedModel on disk, or TF Serving's REST interface."""

import base64
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import releases
from pipeline import chatter
from pipeline.workdir import WorkDir
from trainer import features
from trainer.errors import ConfigError, FrostlineError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0
URL_EXAMPLE = "http://HOST:8501/v1/models/NAME"

_GRAPH_COORDINATES = r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]|^\s*\(\d+\) [A-Z_]+:"
_GRAPH_PREAMBLE = r"Graph execution error|Detected at node|<stack traces|File |\d+ root error"


@dataclass(frozen=True)
class Answer:
    """What a model says of one image: a label, its score, and the score of every class."""

    label: str
    score: float
    scores: Mapping[str, float]


Model = Callable[[Sequence[bytes]], Sequence[Answer | str]]
"""Image files, as bytes -> an answer each, or why an image cannot be read.

Raises RefusedError or ServerError.
"""


class RefusedError(Exception):
    """The model refused a batch, because of an image in it; the message says why.

    A model of Frostline's answers for each image; this is how one of another make says it.
    """


class ServerError(FrostlineError):
    """The server cannot be reached, or cannot answer at all."""


def opened(model: str) -> Model:
    """Open a model by its address: a URL of TF Serving, or a folder.

    Raises:
        ConfigError: there is no model at this address.
    """
    if re.match(r"https?://", model):
        return RemoteModel(model)
    return LocalModel(saved_model_folder(Path(model)))


def identity(model: str) -> str:
    """What tells a model from another one at the same address; a URL is all that a server has.

    Raises:
        ConfigError: there is no model at this address.
    """
    if re.match(r"https?://", model):
        return model
    folder = saved_model_folder(Path(model)).resolve()
    return f"{folder} {(folder / releases.SAVED_MODEL).stat().st_mtime_ns}"


def saved_model_folder(folder: Path) -> Path:
    """The SavedModel in a folder: itself, its highest version, or what a work directory serves.

    Raises:
        ConfigError: there is none, or more than one model.
    """
    if (folder / releases.SAVED_MODEL).is_file():
        return folder
    versions = _versions(folder)
    if versions:
        return versions[max(versions)]
    serving = WorkDir(folder).serving
    models = [child for child in _subfolders(serving) if _versions(child)]
    if len(models) > 1:
        choices = ", ".join(str(child) for child in models)
        raise ConfigError(f"--model {folder} serves several models; name one of {choices}")
    if not models:
        raise ConfigError(
            f"--model {folder} holds no pushed model: should be a work directory whose run "
            f"pushed one, WORK_DIR/serving/NAME, a SavedModel's folder, or {URL_EXAMPLE}"
        )
    return saved_model_folder(models[0])


def _versions(folder: Path) -> dict[int, Path]:
    return releases.version_folders(folder) if folder.is_dir() else {}


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []


def _silenced() -> AbstractContextManager[object]:
    # TensorFlow's native code writes to the standard streams whatever it is asked.
    return chatter.diverted(Path(os.devnull))


class LocalModel:
    """A SavedModel, loaded into this process.

    Raises:
        ConfigError: it cannot be loaded, or does not take image files.
    """

    def __init__(self, folder: Path) -> None:
        # For what TensorFlow writes at the end of the process, when nothing else silences it.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _silenced():
            import tensorflow as tf

        self._tf = tf
        try:
            with _silenced():
                self._loaded = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise ConfigError(f"--model {folder} cannot be loaded: {_one_line(error)}") from None
        self._signature = self._loaded.signatures.get(features.SERVING_SIGNATURE)
        inputs = self._signature.structured_input_signature[1] if self._signature else {}
        if set(inputs) != {features.INPUT_IMAGE_BYTES}:
            raise ConfigError(
                f"--model {folder} takes no image files: its signature "
                f"{features.SERVING_SIGNATURE} should take {features.INPUT_IMAGE_BYTES}; "
                "give a model that `frostline run` pushed"
            )

    def __call__(self, images: Sequence[bytes]) -> list[Answer | str]:
        batch = self._tf.constant(list(images), self._tf.string)
        try:
            outputs = self._signature(**{features.INPUT_IMAGE_BYTES: batch})
        except self._tf.errors.OpError as error:
            raise RefusedError(_one_line(error)) from None
        columns = {name: outputs[name].numpy() for name in outputs}
        return [
            _answer({name: column[place] for name, column in columns.items()})
            for place in range(len(images))
        ]


class RemoteModel:
    """A model behind TF Serving's REST interface.

    Args:
        url: `http://HOST:8501/v1/models/NAME`, and `/versions/N` or `/labels/L` if wanted.
        answer_seconds: how long the server may take for a batch.

    Raises:
        ConfigError: the URL is not one of TF Serving's.
    """

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        import requests

        self._requests = requests
        self._sessions = threading.local()  # A session belongs to one thread.
        self._model_url = url.rstrip("/").removesuffix(":predict")
        self._timeout = (CONNECT_SECONDS, answer_seconds)
        if not re.search(r"/v1/models/[^/:]+(/versions/\d+|/labels/[^/:]+)?$", self._model_url):
            raise ConfigError(
                f"--model {url} is no URL of TF Serving: should be {URL_EXAMPLE}, "
                "and /versions/N or /labels/LABEL if wanted"
            )

    def __call__(self, images: Sequence[bytes]) -> list[Answer | str]:
        instances = [{"b64": base64.b64encode(image).decode()} for image in images]
        reply = self._post({"instances": instances})
        if reply.status_code == self._requests.codes.bad_request:
            raise RefusedError(_one_line(_server_message(reply)))
        if not reply.ok:
            raise ServerError(
                f"{self._model_url} answers {reply.status_code} {reply.reason}: "
                f"{_one_line(_server_message(reply))}; {_status_hint(reply.status_code)}"
            )
        try:
            answers = [_answer(row) for row in reply.json()["predictions"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            answers = []
        if len(answers) != len(images):
            raise ServerError(
                f"{self._model_url} does not answer as a Frostline model: it says "
                f"{reply.text[:200]!r}; check the model's name"
            )
        return answers

    def _session(self) -> Any:
        if not hasattr(self._sessions, "value"):
            self._sessions.value = self._requests.Session()
        return self._sessions.value

    def _post(self, body: Mapping[str, Any]) -> Any:
        try:
            return self._session().post(
                f"{self._model_url}:predict", json=body, timeout=self._timeout
            )
        except self._requests.Timeout:
            raise ServerError(
                f"{self._model_url} did not answer in time: try a smaller --batch-size, or look "
                "at the server's log"
            ) from None
        except self._requests.RequestException as error:
            raise ServerError(
                f"{self._model_url} cannot be reached ({_cause(error)}): check the address, and "
                "that TF Serving runs and has its REST port open (--rest_api_port=8501)"
            ) from None


def _answer(row: Mapping[str, Any]) -> Answer | str:
    """What one image got: JSON's values, or TensorFlow's."""
    if row.get(features.OUTPUT_ERROR):
        return _text(row[features.OUTPUT_ERROR])
    scored = zip(row[features.OUTPUT_CLASSES], row[features.OUTPUT_SCORES], strict=True)
    return Answer(
        label=_text(row[features.OUTPUT_LABEL]),
        score=_shortest(row[features.OUTPUT_SCORE]),
        scores={_text(name): _shortest(score) for name, score in scored},
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _server_message(reply: Any) -> str:
    try:
        return str(reply.json()["error"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:200] or "no message"


def _status_hint(status: int) -> str:
    if status == 404:
        return "check the model's name and version"
    return "try again, with a smaller --batch-size if it is overloaded"


def _cause(error: BaseException) -> str:
    """The innermost reason of a failed request, without the machinery around it."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or type(error).__name__


def _one_line(error: object) -> str:
    """The line of a message that says what is wrong, without TensorFlow's graph coordinates."""
    text = re.sub(_GRAPH_COORDINATES, " ", str(getattr(error, "message", error)), flags=re.M)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    telling = [line for line in lines if line and not re.match(_GRAPH_PREAMBLE, line)]
    return telling[0] if telling else type(error).__name__


def _shortest(value: Any) -> float:
    """A float32 as the shortest decimal that means it, as TF Serving writes it."""
    return float(str(value))
