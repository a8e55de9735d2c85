"""Beam's part: each worker process loads the model once, and makes shard after shard.

Nothing but shards on disk comes out, so that neither an image nor a prediction is handed around.
"""

import io
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import apache_beam as beam
from apache_beam.utils.shared import Shared
from PIL import Image

from components import contents
from components.image_files import ImageFile
from components.quarantine import Rejected
from components.settings import IngestionSettings
from pipeline import models, predict, prediction_formats
from pipeline.bulk import output, saved_model, work
from pipeline.bulk.output import Part
from pipeline.bulk.work import Portion
from pipeline.models import Answer, Model
from pipeline.prediction_formats import FileFormat, Prediction
from trainer.errors import ConfigError

_MAX_BYTES = IngestionSettings().max_file_bytes
_Batch: TypeAlias = list[tuple[ImageFile, bytes | Rejected]]


@dataclass(frozen=True)
class Task:
    """What every worker is told.

    model: the folder of a SavedModel
    images: the list of what there is to do
    parts: the folder of finished shards
    batch_size: images that the model gets at once, but for the last ones of a shard
    """

    model: str
    images: str
    parts: str
    file_format: FileFormat
    batch_size: int


class LoadedModel:
    """A model, and the classes that it tells apart.

    Raises:
      ConfigError: it cannot be loaded, or refuses a plain image.
    """

    def __init__(self, folder: str) -> None:
        # Kept as long as the model, whose assets are in it.
        self._copy = tempfile.TemporaryDirectory(prefix="frostline-")
        self.model = models.opened(str(saved_model.copied(folder, Path(self._copy.name))))
        plain = io.BytesIO()
        Image.new("RGB", (32, 32)).save(plain, "PNG")
        [answer] = predict.answers(self.model, [plain.getvalue()])
        if not isinstance(answer, Answer):
            raise ConfigError(f"--model {folder} refuses a plain PNG image: {answer}")
        self.classes = list(answer.scores)


class Predict(beam.DoFn):
    """Makes a shard of each portion.

    Args:
      shared: the model of this process; a process that holds it already loads no other.
    """

    def __init__(self, task: Task, shared: Shared) -> None:
        self._task = task
        self._shared = shared

    def setup(self) -> None:
        """Load the model, unless this process has it."""
        task = self._task
        self._loaded: LoadedModel = self._shared.acquire(lambda: LoadedModel(task.model))

    def process(self, element: Portion) -> None:
        """Write a shard; its name tells what it holds."""
        task = self._task
        files = work.read(task.images, element)
        tally = _Tally(predictions(self._loaded.model, files, batch_size=task.batch_size))
        with tempfile.TemporaryDirectory(prefix="frostline-") as folder:
            shard = Path(folder) / "shard"
            prediction_formats.write(shard, tally, task.file_format, classes=self._loaded.classes)
            part = Part(element.number, tally.images, tally.failures)
            output.put(shard, f"{task.parts}/{part.name}")


def predictions(
    model: Model, files: Iterable[ImageFile], *, batch_size: int
) -> Iterator[Prediction]:
    """A prediction for each image, in batches that never grow; a bad one stops no other."""
    for batch in _ahead(_batches(files, batch_size)):
        images = [content for _, content in batch if isinstance(content, bytes)]
        answers = iter(predict.answers(model, images))
        for file, content in batch:
            result = content.message if isinstance(content, Rejected) else next(answers)
            yield Prediction(file.name, result)


class _Tally:
    """Counts predictions as they go by."""

    def __init__(self, found: Iterable[Prediction]) -> None:
        self._found = found
        self.images = 0
        self.failures = 0

    def __iter__(self) -> Iterator[Prediction]:
        for prediction in self._found:
            self.images += 1
            self.failures += isinstance(prediction.result, str)
            yield prediction


def _batches(files: Iterable[ImageFile], batch_size: int) -> Iterator[_Batch]:
    found = contents.read(files, max_bytes=_MAX_BYTES, is_labelled=False)
    while batch := list(islice(found, batch_size)):
        yield batch


def _ahead(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """The same batches; the next one is read while the model is at work on this one."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(next, batches, [])
        while batch := pending.result():
            pending = pool.submit(next, batches, [])
            yield batch
