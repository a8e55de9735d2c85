"""What ingestion read and what it set aside: counts and a line a file."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.errors import DataError

COUNTS_FILE = "counts.json"
QUARANTINE_FILE = "quarantine.jsonl"


@dataclass(frozen=True)
class SetAside:
    """A file that was not ingested, and why.

    path: relative to the data folder
    reason: a code; see `components.inspection.Rejected`
    """

    path: str
    label: str
    reason: str
    message: str


@dataclass(frozen=True)
class IngestionCounts:
    """How many files were read, and what became of them; read = accepted + quarantined.

    accepted_by_split: split -> class -> images
    quarantined: reason -> files
    """

    read: int
    accepted: int
    accepted_by_split: dict[str, dict[str, int]]
    quarantined: dict[str, int]


def count(
    accepted: Mapping[tuple[str, str], int],
    set_aside: Sequence[SetAside],
    *,
    splits: Sequence[str],
    labels: Sequence[str],
) -> IngestionCounts:
    """Add up; a class that a split lacks counts 0.

    Args:
      accepted: (split, class) -> images.
      set_aside: the others.
      splits, labels: those that there should be.
    """
    by_split = {
        split: {label: accepted.get((split, label), 0) for label in labels} for split in splits
    }
    total = sum(accepted.values())
    return IngestionCounts(
        read=total + len(set_aside),
        accepted=total,
        accepted_by_split=by_split,
        quarantined=dict(sorted(Counter(file.reason for file in set_aside).items())),
    )


def write(folder: Path, counts: IngestionCounts, set_aside: Sequence[SetAside]) -> None:
    """Write both files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sorted(set_aside, key=lambda file: file.path)
    lines = [json.dumps(asdict(file), ensure_ascii=False) + "\n" for file in rows]
    (folder / QUARANTINE_FILE).write_text("".join(lines), encoding="utf-8")
    (folder / COUNTS_FILE).write_text(json.dumps(asdict(counts), indent=2) + "\n", encoding="utf-8")


def read_counts(folder: Path) -> IngestionCounts:
    """Read the counts that `write` wrote."""
    return IngestionCounts(**json.loads((folder / COUNTS_FILE).read_text(encoding="utf-8")))


def check(counts: IngestionCounts, *, min_images_per_class: int) -> None:
    """Refuse data that cannot be trained on.

    Raises:
      DataError: nothing could be read, or a class has too few images in a split.
    """
    if not counts.accepted:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts.quarantined.items())
        raise DataError(f"none of the {counts.read} files is an image that can be read: {reasons}")
    short = [
        f"class {label!r} has {number} in split {split!r}"
        for split, by_label in counts.accepted_by_split.items()
        for label, number in by_label.items()
        if number < min_images_per_class
    ]
    if short:
        raise DataError(
            f"too few readable images: {'; '.join(short)}; data.min_images_per_class asks for "
            f"{min_images_per_class}. Add images, or change how many go to `eval` with "
            "--set data.eval_fraction=..."
        )
