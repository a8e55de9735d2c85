"""What each step of a run on a cluster leaves behind, for the summary: a folder a step.

`STATE/runs/<run>/steps/<step>/record.json` is a `StepRecord`; beside it are the small files of the
step's outputs, a folder an output. A step that Kubeflow's cache has served leaves nothing: its
record is that of an earlier run.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.workdir import WorkDir

FILE = "record.json"
_STEPS = "steps"
_UNKNOWN = "unknown"
# Type of an artifact -> the files that a summary or a report is made from.
_KEPT: Mapping[str, Sequence[str]] = {
    "Quarantine": ("counts.json", "quarantine.jsonl"),
    "ExampleStatistics": ("Split-*/*.pb",),
    "DataVerdict": ("verdict.json",),
    "TunerResults": ("trials.json",),
    "ModelRun": ("history.json", "calibration.json", "curves.png", "model.txt"),
    "ModelBlessing": ("verdict.json", "evaluation.json"),
    "InfraBlessing": ("verdict.json", "serving.json"),
    "PushedModel": (),
}


@dataclass(frozen=True)
class Output:
    """An output of a step.

    type: its type, without the name of the package
    properties: what the step has said of it
    """

    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class StepRecord:
    """How a step went.

    state: `running` where the pod was killed before it could tell
    started: in UTC
    exit_code: of the pod's process
    error: `type` and `message`
    lines: the last lines of the traceback
    key: what the documents say of the step
    made_from: what the data and the settings above it are, as Prepare has told
    values: the output parameters
    outputs: by name
    """

    step: str
    state: Literal["running", "ran", "failed"]
    started: str
    seconds: float = 0.0
    exit_code: int = 0
    error: Mapping[str, str] | None = None
    lines: Sequence[str] = ()
    key: str = ""
    made_from: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)


def find(state: WorkDir, run: str) -> Path | None:
    """The folder of a run under `runs/`; None where it has left none.

    Its name begins with the time, as the names of all runs do, and ends with the cluster's id.

    Args:
      run: the cluster's id; where it is empty, the run is the latest one without an id.
    """
    found = sorted(state.runs.glob(f"*-{run[:8] or _UNKNOWN}"))
    return found[-1] if found else None


def folder_of(state: WorkDir, run: str, *, is_first: bool = False) -> Path:
    """The folder of a run under `runs/`, made if it is not there; see `find`.

    Args:
      is_first: whether this is the first step of the run.
    """
    found = find(state, run)
    if found and (run or not is_first):
        return found
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = state.runs / f"{started}-{run[:8] or _UNKNOWN}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(run: Path, record: StepRecord) -> None:
    """Write a step's record, whole or not at all."""
    path = folder(run, record.step) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def folder(run: Path, step: str) -> Path:
    """The folder of a step of a run."""
    return run / _STEPS / step


def read(run: Path, step: str) -> StepRecord | None:
    """The record of a step; None where it left none."""
    path = folder(run, step) / FILE
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    outputs = {name: Output(**each) for name, each in stored["outputs"].items()}
    return StepRecord(**{**stored, "outputs": outputs})


def earlier(run: Path, step: str, *, key: str, made_from: str) -> Path | None:
    """The latest other run whose step did what this run's would have done."""
    runs = sorted((path for path in run.parent.iterdir() if path < run), reverse=True)
    return next((path for path in runs if _did(path, step, key, made_from)), None)


def keep(source: Path, target: Path, *, type_name: str) -> None:
    """Copy the small files of an output."""
    for path in _small_files(source, type_name):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def is_kept(type_name: str) -> bool:
    """Whether a summary needs outputs of a type."""
    return type_name in _KEPT


def _ending(run: str) -> str:
    return run[:8]


def _small_files(source: Path, type_name: str) -> Iterator[Path]:
    for pattern in _KEPT[type_name]:
        yield from source.glob(pattern)


def _did(run: Path, step: str, key: str, made_from: str) -> bool:
    found = read(run, step)
    return bool(found and (found.state, found.key, found.made_from) == ("ran", key, made_from))
