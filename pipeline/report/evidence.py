"""What steps left that summary.json does not hold: statistics, files set aside, and predictions."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components import judged_images
from components.image_files import Listing
from components.judged_images import JudgedImage
from components.quarantine import SetAside
from pipeline.report import distributions, gallery, judgement, pictures
from pipeline.report.distributions import Spread
from pipeline.report.gallery import Gallery
from pipeline.summary import Pushed, Summary
from pipeline.workdir import WorkDir
from trainer.errors import FrostlineError

if TYPE_CHECKING:
    from pipeline.results import Outputs

_MOST_PICTURES = 24
_SIDE = 160  # pixels
_TREE_WIDTH = 100  # characters
_GALLERY_SIDE = 224  # pixels


@dataclass(frozen=True)
class Evidence:
    """What a report shows beside the summary.

    pictures: name of a file that was set aside -> a small copy as a data URL, where one could be
      made
    judged: what was served for each judged image
    gallery: the few of them that are shown
    lineage: what the pushed version was made of, a name and a text each
    lineage_tree: the steps that led to it, a line each
    """

    spread: Spread = field(default_factory=Spread)
    set_aside: Sequence[SetAside] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    judged: Sequence[JudgedImage] = ()
    gallery: Gallery = field(default_factory=Gallery)
    lineage: Sequence[tuple[str, str]] = ()
    lineage_tree: Sequence[str] = ()


def gather(place: WorkDir, summary: Summary, listing: Listing) -> Evidence:
    """Collect it from the artifacts of the run that has just ended.

    Args:
      listing: the files of its data.
    """
    from pipeline.results import Results

    found = of(Results(place), summary, listing)
    return _traced(found, place, summary.pushed) if summary.pushed else found


def _traced(found: Evidence, place: WorkDir, pushed: Pushed) -> Evidence:
    """The same with the lineage of the version that was pushed."""
    from pipeline import lineage, lineage_text
    from pipeline.pushed_versions import Wanted

    name = Path(pushed.path).parent.name
    try:
        traced = lineage.trace(Wanted(place, name, int(pushed.version)))
    except FrostlineError:  # ML Metadata does not know of it: the page is drawn without.
        return found
    tree = lineage_text.tree(traced, width=_TREE_WIDTH)
    return replace(found, lineage=lineage_text.rows(traced), lineage_tree=tree)


def of(results: "Outputs", summary: Summary, listing: Listing) -> Evidence:
    """Collect it from what the steps of a run have put out; see `gather`."""
    statistics, predictions = results.statistics(), results.predictions()
    judged = judged_images.read(predictions) if predictions else []
    found = Evidence(
        spread=distributions.read(statistics) if statistics else Spread(),
        set_aside=results.set_aside(),
        judged=judged,
        gallery=gallery.choose(judged, threshold=judgement.threshold(summary)),
    )
    if not summary.config["report"]["images"]:
        return found
    limits = summary.config["data"]
    return illustrated(
        found, listing, max_bytes=limits["max_file_bytes"], max_pixels=limits["max_pixels"]
    )


def illustrated(found: Evidence, listing: Listing, *, max_bytes: int, max_pixels: int) -> Evidence:
    """The same with pictures: of some files of each reason, and of all that the gallery has.

    Args:
      listing: where the files are; see `pictures.copies`.
    """
    aside = {each.path: None for each in by_turns(found.set_aside)[:_MOST_PICTURES]}
    shown = {image.path: image.sha256 for image in found.gallery.images}
    limits = {"max_bytes": max_bytes, "max_pixels": max_pixels}
    return replace(
        found,
        pictures=pictures.copies(aside, listing, side=_SIDE, **limits),
        gallery=replace(
            found.gallery,
            pictures=pictures.copies(shown, listing, side=_GALLERY_SIDE, **limits),
        ),
    )


def by_turns(set_aside: Iterable[SetAside]) -> list[SetAside]:
    """A file of each reason, then a second of each, and so on."""
    by_reason: dict[str, list[SetAside]] = defaultdict(list)
    for each in set_aside:
        by_reason[each.reason].append(each)
    rounds = itertools.zip_longest(*by_reason.values())
    return [each for one_round in rounds for each in one_round if each]
