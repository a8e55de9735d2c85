"""A gate's checks and its verdict, and the file that a verdict is kept in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VERDICT_FILE = "verdict.json"
# Folder of the latest refusal: TFX removes what a failed step puts out.
REFUSED = "refused"


@dataclass(frozen=True)
class Gate:
    """One check of a gate.

    check: its name
    value: what was measured; None where it could not be
    bound: what it was held against
    files: the worst files, if any are to blame
    step: the step that judged
    """

    check: str
    value: float | None
    bound: Mapping[str, float]
    passed: bool
    sentence: str
    files: Sequence[str] = ()
    step: str = "Evaluator"


@dataclass(frozen=True)
class Verdict:
    """What a gate made of the data, or of a model.

    baseline: what they were compared with: an id of accepted statistics, a version of a model
    accept_reason: why a person lets them pass in spite of failed checks; empty if nobody did
    """

    checks: Sequence[Gate]
    baseline: str
    accept_reason: str = ""

    @property
    def failed(self) -> list[Gate]:
        """The checks that were not passed."""
        return [check for check in self.checks if not check.passed]

    @property
    def goes_on(self) -> bool:
        """Whether the run may go on."""
        return not self.failed or bool(self.accept_reason)


def write(folder: Path, verdict: Verdict) -> None:
    """Write verdict.json into `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{VERDICT_FILE}"
    unfinished.write_text(text(verdict), encoding="utf-8")
    unfinished.replace(folder / VERDICT_FILE)


def text(verdict: Verdict) -> str:
    """What verdict.json holds."""
    return json.dumps(asdict(verdict), indent=2, ensure_ascii=False) + "\n"


def read(folder: Path) -> Verdict:
    """Read what `write` wrote."""
    return parsed((folder / VERDICT_FILE).read_text(encoding="utf-8"))


def parsed(told: str) -> Verdict:
    """The verdict that `text` has told."""
    stored = json.loads(told)
    return Verdict(**{**stored, "checks": [Gate(**check) for check in stored["checks"]]})
