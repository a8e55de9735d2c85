"""What steps left that summary.json does not hold: statistics, and files that were set aside."""

import base64
import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

from components import contents
from components.image_files import Listing
from components.quarantine import Rejected, SetAside
from pipeline.glimpses import glimpse
from pipeline.report import distributions
from pipeline.report.distributions import Spread
from pipeline.summary import Summary
from pipeline.workdir import WorkDir

if TYPE_CHECKING:
    from pipeline.results import Outputs

_MOST_PICTURES = 24
_SIDE = 160  # pixels
_QUALITY = 80  # of JPEG


@dataclass(frozen=True)
class Evidence:
    """What a report shows beside the summary.

    pictures: name of a file that was set aside -> a small copy as a data URL, where one could be
      made
    """

    spread: Spread = field(default_factory=Spread)
    set_aside: Sequence[SetAside] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)


def gather(place: WorkDir, summary: Summary, listing: Listing) -> Evidence:
    """Collect it from the artifacts of the run that has just ended.

    Args:
      listing: the files of its data.
    """
    from pipeline.results import Results

    return of(Results(place), summary, listing)


def of(results: "Outputs", summary: Summary, listing: Listing) -> Evidence:
    """Collect it from what the steps of a run have put out; see `gather`."""
    statistics, set_aside = results.statistics(), results.set_aside()
    limits = summary.config["data"]
    pictures = pictures_of(
        set_aside,
        listing,
        max_bytes=limits["max_file_bytes"],
        max_pixels=limits["max_pixels"],
    )
    spread = distributions.read(statistics) if statistics else Spread()
    return Evidence(spread, set_aside, pictures)


def pictures_of(
    set_aside: Sequence[SetAside], listing: Listing, *, max_bytes: int, max_pixels: int
) -> dict[str, str]:
    """Small copies of some of the files, a few of each reason.

    Args:
      listing: where the files are. Those within TFRecords are not looked for: that would take
        reading all of them once more.
    """
    names = {each.path for each in by_turns(set_aside)[:_MOST_PICTURES]}
    found = [file for file in listing.files if file.name in names and file.kind != "tfrecord"]
    wanted = sorted(found, key=lambda file: (file.path, file.member))
    made = (
        (file.name, None if isinstance(content, Rejected) else content)
        for file, content in contents.read(wanted, max_bytes=max_bytes)
    )
    return dict(_copies(made, max_pixels))


def by_turns(set_aside: Iterable[SetAside]) -> list[SetAside]:
    """A file of each reason, then a second of each, and so on."""
    by_reason: dict[str, list[SetAside]] = defaultdict(list)
    for each in set_aside:
        by_reason[each.reason].append(each)
    rounds = itertools.zip_longest(*by_reason.values())
    return [each for one_round in rounds for each in one_round if each]


def _copies(
    files: Iterable[tuple[str, bytes | None]], max_pixels: int
) -> Iterator[tuple[str, str]]:
    for name, content in files:
        copy = glimpse(content, side=_SIDE, max_pixels=max_pixels) if content else None
        if copy:
            yield name, _data_url(copy)


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
