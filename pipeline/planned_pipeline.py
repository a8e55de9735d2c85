"""The pipeline that a run would execute, made without writing anything into its work directory."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.image_files import Listing
from pipeline import graph, groundwork
from pipeline.judging import Judging
from pipeline.mirror import Mirror, Scratch
from pipeline.preflight import Weights
from pipeline.workdir import WorkDir

if TYPE_CHECKING:
    from tfx import v1 as tfx

    from pipeline.plan import Question


def build(
    question: "Question", data: str, listing: Listing, weights: Weights, scratch: Scratch
) -> "tfx.dsl.Pipeline":
    """As `pipeline.local` puts it together.

    Args:
      data: the folder, manifest or archive.
      listing: what it holds.
      scratch: stands for the work directory.
    """
    config = question.config
    laid = groundwork.lay(
        config,
        scratch,
        data=data,
        listing=listing,
        weights=weights,
        accept_reason=question.accept_reason,
        force_bless=question.force_bless,
    )
    # The steps are told of the real folders, and TFX of the copied database.
    place = Mirror(scratch.root, scratch.copy)
    return graph.create_pipeline(
        config,
        laid.sources,
        place,
        judging=_placed(laid.judging, place),
        push_request=laid.push_request,
    )


def _placed(terms: Judging, place: WorkDir) -> Judging:
    """The terms with the schema file where a run would put it."""
    if terms.schema_file is None:
        return terms
    return replace(terms, schema_file=Path(place.imported_schemas) / terms.schema_file.name)
