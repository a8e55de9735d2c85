"""ImageExampleGen: image files in, compressed and sharded TFRecords of Examples out."""

from pathlib import Path

import apache_beam as beam
from tfx import v1 as tfx
from tfx.types import artifact_utils, standard_artifacts

from components import image_files, inputs, pieces, portions, quarantine
from components.artifacts import Quarantine
from components.image_files import Listing
from components.pieces import Piece
from components.quarantine import IngestionCounts
from components.settings import IngestionSettings


def ingest(
    pipeline: beam.Pipeline,
    listing: Listing,
    *,
    examples_dir: str,
    quarantine_dir: str,
    cache_dir: str,
    settings: IngestionSettings,
    code: str,
) -> IngestionCounts:
    """Read what no earlier run has read, and put everything together.

    Args:
      pipeline: runs what is to be read; not yet entered.
      listing: what there is.
      examples_dir: gets `Split-<split>/data_tfrecord-*.gz`.
      quarantine_dir: gets the files of `components.quarantine`.
      cache_dir: keeps the pieces; see `components.pieces`.
      settings: splits, limits and shards.
      code: digest of the code, so that changed code reads everything again.
    """
    everything = pieces.cut(listing, settings=settings, code=code, cache=Path(cache_dir))
    fresh = [piece for piece in everything if not piece.is_there]
    reused = [piece for piece in everything if piece.is_there]
    _make(pipeline, fresh, settings)
    for piece in everything:
        pieces.link(piece, Path(examples_dir))
    set_aside = [row for piece in everything for row in pieces.set_aside(piece)]
    accepted = [row for piece in everything for row in pieces.accepted(piece)]
    counts = quarantine.count(
        accepted,
        set_aside,
        alike=quarantine.look_alikes(accepted),
        splits=image_files.splits_of(listing.files, test_fraction=settings.test_fraction),
        split_names=listing.split_names,
        ignored=listing.ignored,
        reused=sum(map(pieces.count_read, reused)),
    )
    quarantine.write(Path(quarantine_dir), counts, set_aside)
    return counts


def _make(pipeline: beam.Pipeline, fresh: list[Piece], settings: IngestionSettings) -> None:
    if not fresh:
        return
    pieces.sweep(fresh[0].folder.parent)
    for piece in fresh:
        pieces.begin(piece)
    counts = [Listing(piece.files).count() for piece in fresh]
    total = None if None in counts else sum(filter(None, counts))
    with pipeline:
        _ = pipeline | portions.Ingest(fresh, settings, total=total)
    for piece in fresh:
        pieces.finish(piece)


@tfx.dsl.components.component(use_beam=True)
def ImageExampleGen(  # noqa: N802  a component is named like a class
    examples: tfx.dsl.components.OutputArtifact[standard_artifacts.Examples],
    quarantined: tfx.dsl.components.OutputArtifact[Quarantine],
    data: tfx.dsl.components.Parameter[str],
    span: tfx.dsl.components.Parameter[str],
    settings: tfx.dsl.components.Parameter[str],
    fingerprint: tfx.dsl.components.Parameter[str],
    code: tfx.dsl.components.Parameter[str],
    cache_dir: tfx.dsl.components.Parameter[str],
    beam_pipeline: tfx.dsl.components.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Ingest a data set of images.

    Args:
      examples: TFRecords, a folder a split.
      quarantined: counts, and what was set aside.
      data: a folder, a manifest or an archive; see `components.inputs`.
      span: which spans; empty where the data come in none.
      settings: an `IngestionSettings` as JSON.
      fingerprint: changes with the data, so that TFX's cache sees them.
      code: changes with the code.
      cache_dir: a folder that keeps what was read, span by span.
      beam_pipeline: given by TFX.

    Raises:
      DataError: the data cannot be trained on as they are.
    """
    del fingerprint  # Part of the cache key only.
    wanted = IngestionSettings.model_validate_json(settings)
    listing = inputs.find(data, span=span or None)
    counts = ingest(
        beam_pipeline,
        listing,
        examples_dir=examples.uri,
        quarantine_dir=quarantined.uri,
        cache_dir=cache_dir,
        settings=wanted,
        code=code,
    )
    quarantine.check(counts, min_images_per_class=wanted.min_images_per_class)
    examples.split_names = artifact_utils.encode_split_names(list(counts.accepted_by_split))
