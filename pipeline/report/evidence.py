"""What steps left that summary.json does not hold: statistics, files set aside, and predictions."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components import judged_images
from components.image_files import Listing
from components.judged_images import JudgedImage
from components.quarantine import SetAside
from pipeline.report import distributions, gallery, judgement, pictures
from pipeline.report.distributions import Spread
from pipeline.report.gallery import Gallery
from pipeline.summary import Summary
from pipeline.workdir import WorkDir

if TYPE_CHECKING:
    from pipeline.results import Outputs

_MOST_PICTURES = 24
_SIDE = 160  # pixels
_GALLERY_SIDE = 224  # pixels


@dataclass(frozen=True)
class Evidence:
    """What a report shows beside the summary.

    pictures: name of a file that was set aside -> a small copy as a data URL, where one could be
      made
    judged: what was served for each judged image
    gallery: the few of them that are shown
    """

    spread: Spread = field(default_factory=Spread)
    set_aside: Sequence[SetAside] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    judged: Sequence[JudgedImage] = ()
    gallery: Gallery = field(default_factory=Gallery)


def gather(place: WorkDir, summary: Summary, listing: Listing) -> Evidence:
    """Collect it from the artifacts of the run that has just ended.

    Args:
      listing: the files of its data.
    """
    from pipeline.results import Results

    return of(Results(place), summary, listing)


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
