"""Portions of a data set, ingested side by side by Beam's workers.

Apart from the component, whose module loads TFX: a worker process needs none of it to begin.
"""

import time
from collections.abc import Iterator, Sequence

import apache_beam as beam

from components import contents, ingestion
from components.ingestion import Portion
from components.pieces import Piece
from components.settings import IngestionSettings
from trainer.progress import Progress, report

# More files than these in one TFRecord file would leave other workers idle: 20,000 files are 20
# portions, and Beam deals them out evenly before any is read.
_MOST_FILES_A_SHARD = 1000

# A record logged in a worker process costs 0.35 milliseconds, a quarter of an image's.
_SECONDS_BETWEEN_REPORTS = 0.2


class Ingest(beam.PTransform):
    """Ingests pieces; nothing but rows on disk comes out, so that no image is handed around.

    Args:
      pieces: what is to be read; their unfinished folders are there.
      total: how many images there are; None where nobody knows yet.
    """

    def __init__(
        self, pieces: Sequence[Piece], settings: IngestionSettings, *, total: int | None
    ) -> None:
        super().__init__()
        self._portions = [part for piece in pieces for part in _cut(piece, settings.shards)]
        self._settings = settings
        self._total = total

    def expand(self, input_or_inputs: beam.Pipeline) -> beam.PCollection:
        """Hand out the portions; Create spreads them over the workers."""
        reader = _Reader(self._settings, total=self._total)
        return input_or_inputs | beam.Create(self._portions) | beam.ParDo(reader)


class _Reader(beam.DoFn):
    def __init__(self, settings: IngestionSettings, *, total: int | None) -> None:
        self._settings = settings
        self._total = total
        self._done = 0
        self._reported_at = 0.0

    def process(self, element: Portion) -> None:
        ingestion.ingest(element, self._settings, self._report)

    def _report(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._reported_at < _SECONDS_BETWEEN_REPORTS and self._done != self._total:
            return
        self._reported_at = now
        report(Progress(done=self._done, total=self._total, unit="images"))


def _cut(piece: Piece, shards: int) -> Iterator[Portion]:
    wanted = max(shards, len(piece.files) // _MOST_FILES_A_SHARD)
    parts = contents.portions(piece.files, wanted)
    for number, files in enumerate(parts):
        shard = f"{number:05d}-of-{len(parts):05d}"
        yield Portion(str(piece.unfinished), shard, tuple(files))
