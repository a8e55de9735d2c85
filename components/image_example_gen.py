"""ImageExampleGen: image files in, compressed and sharded TFRecords of Examples out."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import artifact_utils, standard_artifacts

from components import image_files, inspection, quarantine
from components.artifacts import Quarantine
from components.image_files import ImageFile
from components.quarantine import SetAside
from components.splits import split_by_content
from trainer import features
from trainer.progress import Progress, report

_SET_ASIDE = "set_aside"


def to_example(file: ImageFile, encoded: bytes, image: inspection.Inspected) -> tf.train.Example:
    """The Example of an ingested image; its features are named in `trainer.features`."""

    def text(value: str) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    def number(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    content = tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded]))
    feature = {
        features.ENCODED: content,
        features.FORMAT: text(image.format),
        features.HEIGHT: number(image.height),
        features.WIDTH: number(image.width),
        features.FILENAME: text(file.name),
        features.SHA256: text(image.sha256),
        features.LABEL: text(file.label),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


class ReadImages(beam.DoFn):
    """Reads and checks files: accepted ones become (split, class, serialized Example).

    What is set aside goes to the output `set_aside`. Nothing in a file makes it raise.
    """

    def __init__(self, *, max_pixels: int, eval_fraction: float, total: int) -> None:
        self.max_pixels = max_pixels
        self.eval_fraction = eval_fraction
        self.total = total
        self.done = 0

    def process(
        self, element: ImageFile
    ) -> Iterator[tuple[str, str, bytes] | beam.pvalue.TaggedOutput]:
        """Read one file."""
        try:
            encoded = Path(element.path).read_bytes()
        except OSError as error:
            outcome = inspection.Rejected("unreadable", str(error))
            encoded = b""
        else:
            outcome = inspection.inspect(encoded, max_pixels=self.max_pixels)
        self.done += 1
        report(Progress(done=self.done, total=self.total, unit="images"))
        if isinstance(outcome, inspection.Rejected):
            row = SetAside(element.name, element.label, outcome.reason, outcome.message)
            yield beam.pvalue.TaggedOutput(_SET_ASIDE, row)
            return
        split = element.split or split_by_content(outcome.sha256, eval_fraction=self.eval_fraction)
        example = to_example(element, encoded, outcome)
        yield split, element.label, example.SerializeToString(deterministic=True)


def ingest(
    pipeline: beam.Pipeline,
    files: Sequence[ImageFile],
    *,
    examples_dir: str,
    quarantine_dir: str,
    max_pixels: int,
    eval_fraction: float,
    shards: int,
) -> None:
    """Add ingestion to a Beam pipeline.

    Args:
      files: what to read.
      examples_dir: gets `Split-<split>/data_tfrecord-*.gz`.
      quarantine_dir: gets the files of `components.quarantine`.
      max_pixels: an image whose header claims more is set aside.
      eval_fraction: share that goes to `eval` where the layout doesn't say.
      shards: TFRecord files a split.
    """
    reader = ReadImages(max_pixels=max_pixels, eval_fraction=eval_fraction, total=len(files))
    outputs = (
        pipeline
        | "Files" >> beam.Create(files)
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(reader).with_outputs(_SET_ASIDE, main="accepted")
    )
    splits = image_files.splits_of(files)
    for split in splits:
        _write_split(outputs["accepted"], split, examples_dir=examples_dir, shards=shards)
    labels = sorted({file.label for file in files})
    _ = (
        outputs["accepted"]
        | "Kind" >> beam.Map(lambda row: (row[0], row[1]))
        | "Count" >> beam.combiners.Count.PerElement()
        | "Counts" >> beam.combiners.ToDict()
        | "Report"
        >> beam.Map(
            _write_report,
            beam.pvalue.AsList(outputs[_SET_ASIDE]),
            folder=Path(quarantine_dir),
            splits=splits,
            labels=labels,
        )
    )


def _write_split(accepted: beam.PCollection, split: str, *, examples_dir: str, shards: int) -> None:
    prefix = Path(examples_dir) / f"Split-{split}" / "data_tfrecord"
    _ = (
        accepted
        | f"Only {split}" >> beam.Filter(lambda row, wanted: row[0] == wanted, split)
        | f"Example of {split}" >> beam.Map(lambda row: row[2])
        | f"Write {split}"
        >> beam.io.WriteToTFRecord(str(prefix), file_name_suffix=".gz", num_shards=shards)
    )


def _write_report(
    accepted: dict[tuple[str, str], int],
    set_aside: list[SetAside],
    *,
    folder: Path,
    splits: Sequence[str],
    labels: Sequence[str],
) -> None:
    counts = quarantine.count(accepted, set_aside, splits=splits, labels=labels)
    quarantine.write(folder, counts, set_aside)


@tfx.dsl.components.component(use_beam=True)
def ImageExampleGen(  # noqa: N802  a component is named like a class
    examples: tfx.dsl.components.OutputArtifact[standard_artifacts.Examples],
    quarantined: tfx.dsl.components.OutputArtifact[Quarantine],
    data_dir: tfx.dsl.components.Parameter[str],
    settings: tfx.dsl.components.Parameter[str],
    fingerprint: tfx.dsl.components.Parameter[str],
    beam_pipeline: tfx.dsl.components.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Ingest a folder of images.

    Args:
      examples: TFRecords, a folder a split.
      quarantined: counts, and what was set aside.
      data_dir: the folder.
      settings: JSON with `max_pixels`, `eval_fraction`, `shards`, `min_images_per_class`.
      fingerprint: changes with the data and the code, so that TFX's cache sees both.
      beam_pipeline: given by TFX.

    Raises:
      DataError: the folder cannot be trained on as it is.
    """
    del fingerprint  # Part of the cache key only.
    wanted = json.loads(settings)
    min_images_per_class = wanted.pop("min_images_per_class")
    files = image_files.find(Path(data_dir))
    with beam_pipeline as pipeline:
        ingest(
            pipeline,
            files,
            examples_dir=examples.uri,
            quarantine_dir=quarantined.uri,
            **wanted,
        )
    quarantine.check(
        quarantine.read_counts(Path(quarantined.uri)), min_images_per_class=min_images_per_class
    )
    examples.split_names = artifact_utils.encode_split_names(image_files.splits_of(files))
