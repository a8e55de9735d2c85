"""Predictions for image files and folders, written as one line an image."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

from pipeline import models
from pipeline.models import Answer, Model, RefusedError
from trainer.errors import ConfigError

FileFormat = Literal["jsonl", "csv"]
IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"})


@dataclass(frozen=True)
class Prediction:
    """What became of one image: an answer, or the reason why there is none."""

    path: str
    result: Answer | str


def write(
    *,
    model: str,
    paths: Sequence[Path],
    batch_size: int,
    file_format: FileFormat,
    output: Path | None,
) -> int:
    """Predict images, write a line each, and return how many could not be predicted.

    Args:
        model: a URL of TF Serving, or a folder (see `models.opened`).
        paths: image files, and folders that are searched for them.
        batch_size: images that the model gets at once.
        file_format: of the lines.
        output: the file, which appears when all is done; None for standard output.

    Raises:
        ConfigError: no model there, no image in a folder, or `output` cannot be written.
        ServerError: the server cannot answer.
    """
    failed: list[str] = []
    with _destination(output) as stream:
        files = image_files(paths)
        predictions = predicted(models.opened(model), files, batch_size=batch_size)
        for line in _LINES[file_format](_noting(predictions, failed)):
            stream.write(line)
    return len(failed)


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths` as they are, and the images in the folders, sorted.

    Raises:
        ConfigError: a folder without images.
    """
    files: list[Path] = []
    for path in paths:
        found = _images_in(path) if path.is_dir() else [path]
        if not found:
            suffixes = " ".join(sorted(IMAGE_SUFFIXES))
            raise ConfigError(f"no image in the folder {path}; looked for {suffixes}")
        files += found
    return files


def _images_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def predicted(model: Model, files: Sequence[Path], *, batch_size: int) -> Iterator[Prediction]:
    """Predict files in their order; what cannot be read or decoded stops no other."""
    for start in range(0, len(files), batch_size):
        yield from _predicted_batch(model, files[start : start + batch_size])


def _predicted_batch(model: Model, files: Sequence[Path]) -> Iterator[Prediction]:
    contents = [_content(file) for file in files]
    readable = [content for content in contents if isinstance(content, bytes)]
    answers = iter(_answers(model, readable))
    for file, content in zip(files, contents, strict=True):
        yield Prediction(
            path=os.fsencode(file).decode("utf-8", "replace"),
            result=content if isinstance(content, str) else next(answers),
        )


def _content(file: Path) -> bytes | str:
    try:
        return file.read_bytes()
    except OSError as error:
        return error.strerror or str(error)


def _answers(model: Model, images: Sequence[bytes]) -> list[Answer | str]:
    """An answer each; a batch that is refused is halved until the culprit is alone."""
    if not images:
        return []
    try:
        return list(model(images))
    except RefusedError as error:
        if len(images) == 1:
            return [str(error)]
    half = len(images) // 2
    return _answers(model, images[:half]) + _answers(model, images[half:])


def _noting(predictions: Iterable[Prediction], failed: list[str]) -> Iterator[Prediction]:
    for prediction in predictions:
        if isinstance(prediction.result, str):
            failed.append(prediction.path)
        yield prediction


def _json_lines(predictions: Iterable[Prediction]) -> Iterator[str]:
    for prediction in predictions:
        line = {"path": prediction.path, **_fields(prediction.result)}
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _fields(result: Answer | str) -> dict[str, Any]:
    return {"error": result} if isinstance(result, str) else asdict(result)


def _csv_lines(predictions: Iterable[Prediction]) -> Iterator[str]:
    """A header and a row each; the header waits for the first answer, which names the classes."""
    predictions = iter(predictions)
    waiting: list[Prediction] = []
    classes: list[str] = []
    for prediction in predictions:
        waiting.append(prediction)
        if isinstance(prediction.result, Answer):
            classes = list(prediction.result.scores)
            break
    yield _csv_line(["path", "label", "score", *classes, "error"])
    for prediction in chain(waiting, predictions):
        yield _csv_line(_csv_row(prediction, classes))


def _csv_row(prediction: Prediction, classes: Sequence[str]) -> list[object]:
    result = prediction.result
    if isinstance(result, str):
        return [prediction.path, "", "", *("" for _ in classes), result]
    scores = [result.scores[name] for name in classes]
    return [prediction.path, result.label, result.score, *scores, ""]


def _csv_line(row: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


_LINES: dict[FileFormat, Callable[[Iterable[Prediction]], Iterator[str]]] = {
    "jsonl": _json_lines,
    "csv": _csv_lines,
}


@contextmanager
def _destination(output: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that appears under its name when all is written."""
    if output is None:
        yield sys.stdout
        return
    if output.exists() and not output.is_file():
        raise ConfigError(f"--output {output} is no file: choose another name")
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        stream = unfinished.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"--output {output} cannot be written: {error.strerror}") from None
    try:
        with stream:
            yield stream
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
