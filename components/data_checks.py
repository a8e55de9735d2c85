"""What the data gate holds data against: each check a plain judgement on numbers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.gate_settings import GateSettings
from components.gates import Gate
from components.quarantine import IngestionCounts, SetAside
from trainer import features

FILES_NAMED = 5
STEP = "DataGate"
# What lies wholly apart has a distance of 1, and must be refused however few the images are.
_WIDEST = 0.95
_FIRST = "No data were accepted before: later data will be compared with these."


@dataclass(frozen=True)
class Suspects:
    """Images that a distance points at: those of a value, or those farthest from a number."""

    split: str
    feature: str
    value: str | None = None
    centre: float | None = None


@dataclass(frozen=True)
class Distance:
    """How far a feature is from what it was.

    value: in 0..1; L-infinity of a categorical feature, Jensen-Shannon of a numeric one
    chance: how far apart samples of these sizes come to lie although nothing has changed
    detail: what moved, in words
    """

    feature: str
    value: float
    chance: float
    detail: str
    suspects: Suspects

    def bound(self, limit: float) -> float:
        """The limit, widened by chance."""
        return min(limit + self.chance, max(limit, _WIDEST))


FindFiles = Callable[[Suspects], Sequence[str]]
"""Names the worst files among the suspects."""


def schema_anomalies(
    by_split: Mapping[str, anomalies_pb2.Anomalies], settings: GateSettings
) -> Gate:
    """What ExampleValidator found.

    Args:
      by_split: what a person calls a split -> TFDV's anomalies.
    """
    found = [
        f"{name} in {split}: {info.description.strip(' .')}"
        for split, anomalies in by_split.items()
        for name, info in sorted(anomalies.anomaly_info.items())
    ]
    found += [
        f"{split}: {anomalies.dataset_anomaly_info.description.strip(' .')}"
        for split, anomalies in by_split.items()
        if anomalies.HasField("dataset_anomaly_info")
    ]
    what = "; ".join(found[:FILES_NAMED]) + (" ..." if len(found) > FILES_NAMED else "")
    sentence = f"The data are at odds with the schema: {what}" if found else "The schema is kept."
    return _most("schema_anomalies", len(found), settings.max_schema_anomalies, sentence)


def schema_classes(schema: schema_pb2.Schema) -> list[str] | None:
    """The classes that a schema allows; None where it allows any."""
    domains = {domain.name: domain for domain in schema.string_domain}
    for feature in schema.feature:
        if feature.name == features.LABEL:
            inline = feature.string_domain if feature.HasField("string_domain") else None
            domain = inline or domains.get(feature.domain)
            return list(domain.value) if domain else None
    return None


def changed_classes(
    found: Collection[str],
    expected: Collection[str] | None,
    *,
    whose: str,
    settings: GateSettings,
    find_files: FindFiles,
) -> Gate:
    """Classes that came or went.

    Args:
      found: the classes of the data.
      expected: the classes that there should be; None where nothing says so.
      whose: what says so, in words.
    """
    if expected is None:
        sentence = "No schema and no accepted data say yet which classes there should be."
        return _most("changed_classes", None, settings.max_changed_classes, sentence)
    came, gone = sorted({*found} - {*expected}), sorted({*expected} - {*found})
    parts = [f"class {label!r} is new" for label in came]
    parts += [f"class {label!r} is gone" for label in gone]
    what = ", ".join(parts) or "no class came or went"
    files = [
        name
        for label in came
        for split in (features.TRAIN, features.EVAL)
        for name in find_files(Suspects(split, features.LABEL, value=label))
    ]
    sentence = f"Against {whose}, {what}."
    return _most("changed_classes", len(parts), settings.max_changed_classes, sentence, files)


def quarantined_share(
    counts: IngestionCounts, set_aside: Sequence[SetAside], settings: GateSettings
) -> Gate:
    """How much of what was read was set aside."""
    number = sum(counts.quarantined.values())
    share = number / max(counts.read, 1)
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.quarantined.items())
    sentence = f"{number} of {counts.read} files ({share:.1%}) were set aside" + (
        f": {reasons}." if reasons else "."
    )
    frequent = sorted(set_aside, key=lambda row: (-counts.quarantined[row.reason], row.path))
    files = [f"{row.path} ({row.reason}: {row.message})" for row in frequent]
    return _most("quarantined_share", share, settings.max_quarantined_share, sentence, files)


def images_per_class(counts: IngestionCounts, settings: GateSettings) -> Gate:
    """Whether every class has enough images in every split."""
    sizes = _sizes(counts)
    least = min(sizes.values())
    bound = settings.min_images_per_class
    short = [
        f"class {label!r} has {size} in {counts.called(split)}"
        for (split, label), size in sorted(sizes.items(), key=lambda item: item[1])
        if size < bound
    ]
    named = "; ".join(short[:FILES_NAMED]) or f"every class has {least} or more in every split"
    return Gate(
        check="images_per_class",
        value=least,
        bound={"min": bound},
        passed=least >= bound,
        sentence=f"Of images, {named}; each needs {bound}.",
        step=STEP,
    )


def class_imbalance(counts: IngestionCounts, settings: GateSettings) -> Gate:
    """How many times the images of a split's smallest class its largest has."""
    ratios = {
        split: max(by_label.values()) / max(min(by_label.values()), 1)
        for split, by_label in counts.accepted_by_split.items()
    }
    split = max(ratios, key=lambda name: ratios[name])
    by_label = counts.accepted_by_split[split]
    small, *_, large = sorted(by_label, key=lambda label: by_label[label])
    sentence = (
        f"In {counts.called(split)}, class {large!r} has {by_label[large]} images and {small!r} "
        f"has {by_label[small]}: {ratios[split]:.1f} times as many."
    )
    return _most("class_imbalance", ratios[split], settings.max_class_imbalance, sentence)


def class_shares(counts: IngestionCounts, settings: GateSettings) -> list[Gate]:
    """Whether each class has its share of each split; no check where nothing is asked for."""
    least, most = settings.min_class_share, settings.max_class_share
    shares = {
        (size / max(sum(counts.accepted_by_split[split].values()), 1), label, counts.called(split))
        for (split, label), size in _sizes(counts).items()
    }
    gates = []
    if least is not None:
        share, label, named = min(shares)
        sentence = f"Class {label!r} is {share:.1%} of {named}; a class needs {least:.1%}."
        gates.append(
            Gate("min_class_share", share, {"min": least}, share >= least, sentence, step=STEP)
        )
    if most is not None:
        share, label, named = max(shares)
        sentence = f"Class {label!r} is {share:.1%} of {named}; a class may be {most:.1%}."
        gates.append(_most("max_class_share", share, most, sentence))
    return gates


def duplicates_across_splits(pairs: Sequence[Sequence[str]], settings: GateSettings) -> Gate:
    """Whether identical files lie in two splits, so that a model is judged on what it learned.

    Args:
      pairs: the names of two files of the same bytes, in different splits.
    """
    sentence = f"{len(pairs)} files lie in two splits with the same bytes."
    files = [" = ".join(pair) for pair in pairs]
    return _most(
        "duplicates_across_splits",
        len(pairs),
        settings.max_duplicates_across_splits,
        sentence,
        files,
    )


def near_duplicates_across_splits(counts: IngestionCounts, settings: GateSettings) -> Gate:
    """Whether a model would be judged on images that look like those that it learned."""
    judged = sum(size for (split, _), size in _sizes(counts).items() if split != features.TRAIN)
    share = counts.near_duplicates / judged if judged else 0.0
    train = counts.called(features.TRAIN)
    sentence = (
        f"{counts.near_duplicates} of {judged} images outside {train} ({share:.1%}) look like one "
        "in another split."
    )
    files = [" ~ ".join(pair) for pair in counts.near_duplicates_across_splits]
    bound = settings.max_near_duplicate_share
    return _most("near_duplicates_across_splits", share, bound, sentence, files)


def distance(
    check: str,
    distances: Iterable[tuple[str, Distance]],
    *,
    limit: float,
    than: str | None,
    find_files: FindFiles,
) -> Gate:
    """Whether no feature has moved too far; the one that is most above its bound is told.

    Args:
      check: the check's name.
      distances: what a person calls the split, and the distance, of each feature that could be
        compared.
      limit: what a distance may be, chance apart.
      than: what the data were compared with, in words; None for the first data of all.
    """
    ordered = sorted(distances, key=lambda each: each[1].bound(limit) - each[1].value)
    if not ordered:
        sentence = f"No feature could be compared with {than}." if than else _FIRST
        return Gate(check, None, {"max": limit}, True, sentence, step=STEP)
    split, worst = ordered[0]
    others = [
        f"{other.feature} in {its_split} ({other.value:.2f})"
        for its_split, other in ordered[1:]
        if other.value > other.bound(limit)
    ]
    sentence = (
        f"{worst.feature} in {split} lies {worst.value:.3f} from {than} "
        f"(of 1; up to {worst.bound(limit):.3f} may be): {worst.detail}."
    )
    if others:
        sentence += f" Too far as well: {', '.join(others)}."
    bound = worst.bound(limit)
    passed = worst.value <= bound
    files = () if passed else find_files(worst.suspects)
    return Gate(check, worst.value, {"max": bound}, passed, sentence, files, STEP)


def _most(
    check: str,
    value: float | None,
    bound: float,
    sentence: str,
    files: Sequence[str] = (),
) -> Gate:
    """A check of something that must not be more; files are named only where it is."""
    passed = value is None or value <= bound
    named = () if passed else tuple(files[:FILES_NAMED])
    if not passed:
        sentence = f"{sentence.rstrip('.')}; at most {bound:g} may be."
    return Gate(check, value, {"max": bound}, passed, sentence, named, STEP)


def _sizes(counts: IngestionCounts) -> dict[tuple[str, str], int]:
    """(split, class) -> images."""
    return {
        (split, label): size
        for split, by_label in counts.accepted_by_split.items()
        for label, size in by_label.items()
    }
