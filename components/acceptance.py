"""The data that were accepted last: their statistics, and the terms they were accepted on.

`accepted.json` in the gate's folder is an `Accepted`; `<id>/<split>.pb` are its statistics.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ACCEPTED_FILE = "accepted.json"


@dataclass(frozen=True)
class Terms:
    """What data are judged on, besides the bounds.

    baseline: id of the accepted statistics that they are compared with
    accept_reason: why a person accepts them in spite of failed checks; empty if nobody did
    """

    baseline: str
    accept_reason: str = ""


@dataclass(frozen=True)
class Accepted:
    """What was accepted.

    id: names the statistics; every acceptance has another, though the data be the same
    fingerprint: the data and the settings that were judged
    terms: what they were judged on
    """

    id: str
    fingerprint: str
    terms: Terms


def terms(folder: Path, *, fingerprint: str, accept_reason: str) -> Terms:
    """What a run's data are to be judged on.

    Data that are accepted already are judged on the same terms again: so TFX's cache knows the
    verdict, and a person's reason holds for these very data and no others.

    Args:
      folder: the gate's folder; made if it is not there.
      fingerprint: changes with the data and the settings.
      accept_reason: why this run's data are accepted whatever they are; may be empty.
    """
    last = _load(folder) or _open(folder)
    if last.fingerprint == fingerprint:
        return Terms(last.terms.baseline, accept_reason or last.terms.accept_reason)
    return Terms(last.id, accept_reason)


def accept(
    folder: Path, statistics: Mapping[str, bytes], *, fingerprint: str, terms: Terms
) -> Accepted:
    """Keep a split's statistics each, as those that later data are compared with."""
    last = _load(folder) or _open(folder)
    digest = hashlib.sha256(b"".join(statistics[split] for split in sorted(statistics)))
    accepted = Accepted(f"{_ordinal(last) + 1:04d}-{digest.hexdigest()[:12]}", fingerprint, terms)
    kept = folder / accepted.id
    kept.mkdir(parents=True, exist_ok=True)
    for split, content in statistics.items():
        (kept / f"{split}.pb").write_bytes(content)
    _store(folder, accepted)
    _forget_all_but(folder, {accepted.id, terms.baseline})
    return accepted


def statistics(folder: Path, baseline: str) -> dict[str, bytes]:
    """Split -> serialized statistics; none where no data were accepted before."""
    return {path.stem: path.read_bytes() for path in sorted((folder / baseline).glob("*.pb"))}


def _open(folder: Path) -> Accepted:
    """The record before the first data.

    Its id is another in each folder: after a person has removed the folder, TFX's cache must not
    believe that the data were accepted in this one.
    """
    first = Accepted(f"0000-{uuid.uuid4().hex[:12]}", fingerprint="", terms=Terms(""))
    _store(folder, first)
    return first


def _load(folder: Path) -> Accepted | None:
    path = folder / ACCEPTED_FILE
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Accepted(**{**stored, "terms": Terms(**stored["terms"])})


def _store(folder: Path, accepted: Accepted) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{ACCEPTED_FILE}"
    unfinished.write_text(json.dumps(asdict(accepted), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / ACCEPTED_FILE)


def _ordinal(accepted: Accepted) -> int:
    return int(accepted.id.partition("-")[0])


def _forget_all_but(folder: Path, ids: set[str]) -> None:
    for path in folder.glob("[0-9]*-*"):
        if path.name not in ids:
            shutil.rmtree(path)
