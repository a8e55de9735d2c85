"""What is wrong with a data set, in plain sentences."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from components import data_checks, image_files, quarantine
from components.gates import Gate
from components.image_files import Listing
from components.quarantine import IngestionCounts, SetAside
from pipeline.config import Config
from pipeline.data_facts import ImageFacts, LookAlikes
from trainer.errors import DataError

_FILES_NAMED = data_checks.FILES_NAMED
_UNEVEN = 3.0  # times as many images as the smallest class: worth a word, long before the gate


@dataclass(frozen=True)
class Problem:
    """What is wrong with the data.

    check: its name; that of the data gate's check where there is one
    sentence: what a person should know
    stops: whether a run would refuse the data because of it
    files: the worst files, if any are to blame
    """

    check: str
    sentence: str
    stops: bool
    files: Sequence[str] = ()


def stops(
    data: str,
    listing: Listing,
    counts: IngestionCounts,
    set_aside: Sequence[SetAside],
    config: Config,
) -> list[Problem]:
    """What a run would stop for, judged by the very checks of ingestion and of the data gate.

    Args:
      data: what a person gave.
      config: has the bounds.
    """
    gates = [
        data_checks.quarantined_share(counts, set_aside, config.gate),
        data_checks.duplicates_across_splits(counts.duplicates_across_splits, config.gate),
        data_checks.near_duplicates_across_splits(counts, config.gate),
    ]
    problems = []
    try:
        image_files.check(listing, data)
        quarantine.check(counts, min_images_per_class=config.data.min_images_per_class)
    except DataError as error:
        problems.append(Problem("layout", _sentence(str(error)), stops=True))
    else:
        gates += [
            data_checks.images_per_class(counts, config.gate),
            data_checks.class_imbalance(counts, config.gate),
            *data_checks.class_shares(counts, config.gate),
        ]
    return problems + [_problem(gate) for gate in gates if not gate.passed]


def _problem(gate: Gate) -> Problem:
    return Problem(gate.check, _sentence(gate.sentence), stops=True, files=gate.files)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


def remarks(
    images: Sequence[ImageFacts], counts: IngestionCounts, pairs: Sequence[LookAlikes]
) -> Iterator[Problem]:
    """What a run would not stop for, and a person should know."""
    if pairs:
        yield Problem(
            "near_duplicates_across_splits",
            f"{_number(len(pairs), 'pair')} of look-alikes in different splits: a model would "
            "be judged on what it has learned.",
            stops=False,
            files=[f"{each.first.name} ~ {each.second.name}" for each in pairs[:_FILES_NAMED]],
        )
    if torn := _in_two_classes(images):
        yield Problem(
            "one_image_two_classes",
            f"{_number(len(torn), 'image')} with the same bytes as one of another class: "
            "one of the labels is wrong.",
            stops=False,
            files=[f"{one.name} = {other.name}" for one, other in torn[:_FILES_NAMED]],
        )
    yield from _uneven(counts)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _in_two_classes(images: Iterable[ImageFacts]) -> list[tuple[ImageFacts, ImageFacts]]:
    first: dict[str, ImageFacts] = {}
    pairs = ((first.setdefault(image.sha256, image), image) for image in images)
    return [(one, other) for one, other in pairs if one.file.label != other.file.label]


def _uneven(counts: IngestionCounts) -> Iterator[Problem]:
    totals: Counter[str] = Counter()
    for by_label in counts.accepted_by_split.values():
        totals.update(by_label)
    if not totals:
        return
    large, small = (choose(totals, key=lambda label: totals[label]) for choose in (max, min))
    if totals[large] > _UNEVEN * totals[small] > 0:
        yield Problem(
            "class_imbalance",
            f"Class {large!r} has {totals[large]:,} images and {small!r} has {totals[small]:,}: "
            "accuracy will say little of the smaller one.",
            stops=False,
        )
