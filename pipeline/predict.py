"""Predictions for image files and folders, on standard output or in a file."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pipeline import models, prediction_formats, prediction_journal, progress_bar
from pipeline.models import Answer, Model, RefusedError
from pipeline.prediction_formats import FileFormat, Prediction
from trainer.errors import ConfigError

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"})


def write(
    *,
    model: str,
    paths: Sequence[Path],
    batch_size: int,
    file_format: FileFormat,
    output: Path | None,
    concurrency: int = 1,
) -> int:
    """Predict images, write a line each, and return how many could not be predicted.

    With an output, a run that is interrupted is gone on with by the next one.

    Args:
        model: a URL of TF Serving, or a folder (see `models.opened`).
        paths: image files, and folders that are searched for them.
        batch_size: images that the model gets at once.
        file_format: of the lines.
        output: the file, which appears when all is done; None for standard output.
        concurrency: batches that are sent at once.

    Raises:
        ConfigError: no model there, no image in a folder, or `output` cannot be written.
        ServerError: the server cannot answer.
    """
    if output is not None:
        _check_output(output)
        files = image_files(paths)
        with prediction_journal.opened(output, model=models.identity(model)) as journal:
            _predict_into(journal, model, files, batch_size=batch_size, concurrency=concurrency)
            return _write_file(output, journal, files, file_format)
    if file_format == "parquet":
        raise ConfigError("--format parquet needs --output FILE: it is no text")
    files = image_files(paths)
    found = predicted(models.opened(model), files, batch_size=batch_size, concurrency=concurrency)
    failed: list[str] = []
    predictions = (prediction for batch in found for _, prediction in batch)
    for line in prediction_formats.lines(_noting(predictions, failed), file_format):
        sys.stdout.write(line)
    return len(failed)


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_file():
        raise ConfigError(f"--output {output} is no file: choose another name")


def _predict_into(
    journal: prediction_journal.Journal,
    model: str,
    files: Sequence[Path],
    *,
    batch_size: int,
    concurrency: int,
) -> None:
    missing = [file for file in files if not journal.has(shown_path(file), file)]
    if journal.resumed:
        sys.stderr.write(f"goes on: {len(files) - len(missing)} of {len(files)} are predicted\n")
    if not missing:
        return
    opened = models.opened(model)
    with progress_bar.shown(
        sys.stderr, total=len(missing), unit="images", waiting="the first images"
    ) as advance:
        for batch in predicted(opened, missing, batch_size=batch_size, concurrency=concurrency):
            journal.add(batch)
            for _ in batch:
                advance()


def _write_file(
    output: Path,
    journal: prediction_journal.Journal,
    files: Sequence[Path],
    file_format: FileFormat,
) -> int:
    failed: list[str] = []
    predictions = journal.predictions([shown_path(file) for file in files])
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        prediction_formats.write(unfinished, _noting(predictions, failed), file_format)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
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


def shown_path(file: Path | str) -> str:
    """The path as it is written: what is no UTF-8 in it is marked."""
    return os.fsencode(file).decode("utf-8", "replace")


def predicted(
    model: Model, files: Sequence[Path], *, batch_size: int, concurrency: int = 1
) -> Iterator[list[tuple[Path, Prediction]]]:
    """Predict files in their order, a batch at a time; what cannot be read stops no other."""
    batches = [files[start : start + batch_size] for start in range(0, len(files), batch_size)]
    pending: deque[Future[list[tuple[Path, Prediction]]]] = deque()
    with ThreadPoolExecutor(concurrency) as pool:
        try:
            for batch in batches:
                pending.append(pool.submit(partial(_predicted_batch, model, batch)))
                # One more than run, so that the next files are read meanwhile.
                if len(pending) > concurrency:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _predicted_batch(model: Model, files: Sequence[Path]) -> list[tuple[Path, Prediction]]:
    contents = [_content(file) for file in files]
    readable = [content for content in contents if isinstance(content, bytes)]
    found = iter(answers(model, readable))
    return [
        (
            file,
            Prediction(shown_path(file), content if isinstance(content, str) else next(found)),
        )
        for file, content in zip(files, contents, strict=True)
    ]


def _content(file: Path) -> bytes | str:
    try:
        return file.read_bytes()
    except OSError as error:
        return error.strerror or str(error)


def answers(model: Model, images: Sequence[bytes]) -> list[Answer | str]:
    """An answer each; a batch that a model refuses is halved until the culprit is alone."""
    if not images:
        return []
    try:
        return list(model(images))
    except RefusedError as error:
        if len(images) == 1:
            return [str(error)]
    half = len(images) // 2
    return answers(model, images[:half]) + answers(model, images[half:])


def _noting(predictions: Iterable[Prediction], failed: list[str]) -> Iterator[Prediction]:
    for prediction in predictions:
        if isinstance(prediction.result, str):
            failed.append(prediction.path)
        yield prediction
