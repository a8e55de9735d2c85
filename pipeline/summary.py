"""`summary.json`: everything that a script may want to know of a run."""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from components.gates import Gate
from pipeline.steps import Step

FILE = "summary.json"
Status = Literal[
    "pushed",
    "tuned",
    "not_blessed",
    "not_pushed",
    "withdrawn",
    "refused",
    "not_servable",
    "failed",
    "interrupted",
    "finished",
]
_DISTRIBUTIONS = (
    "frostline",
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "apache-beam",
)


@dataclass(frozen=True)
class Pushed:
    """A model that TF Serving can load."""

    path: str
    version: str


@dataclass(frozen=True)
class Failure:
    """What stopped a run.

    step: the step that failed; None where no step was running
    """

    step: str | None
    type: str
    message: str


@dataclass(frozen=True)
class Summary:
    """A run, as far as it came; what it did not come to is None or empty.

    seconds: wall time
    config: every setting, resolved
    data: `path`, `read`, `accepted`, `quarantined` (reason -> files), `accepted_by_split`,
      `accept_reason` (why a person accepts the data in spite of failed checks; may be empty)
    model: `weights`, `weights_sha256`, `untrained`
    features: `images`, `views` (the most of an image), `rows`, `computed` in this run, `reused`,
      `bytes`, `seconds`, `precision`, `cut` (the layer at the frost line), `store`; None where the
      base runs live
    tuning: `objective`, and `trials`, the best first: `number` in the order of drawing, `values`
      (dotted name -> value), `val_loss`, `val_accuracy`, `epoch`, `seconds`
    training: `best_epoch`, and `epochs`, a row each; `calibration`: `images`, `temperature`,
      `threshold`, and `log_loss` and `expected_calibration_error` `before` and `after`
    evaluation: metric -> value, of the whole judged split
    evaluation_by_class: class -> metric -> value
    evaluation_by_slice: property (`format`, `brightness`, `sharpness` or `size`) -> word, such as
      `dark` -> metric -> value; `example_count` is how many images that is; `group` -> the 20 least
      accurate groups of those that have enough images
    confusion: class -> served label -> images
    baseline: the latest blessed model on the same images: `version`, `metrics` (metric -> value)
    force_bless: why a person had the model blessed in spite of failed checks
    serving: what the ServingGate measured: `engine`, `machine`, `load_seconds`, `latency` (images a
      request -> `p50_ms`, `p99_ms`, `requests`), `peak_bytes`, `model_bytes`, `parity`...
    """

    run_id: str
    status: Status
    exit_code: int
    started: str
    seconds: float
    command: Sequence[str]
    preset: str
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    log: str
    data: Mapping[str, Any]
    steps: Sequence[Step] = ()
    features: Mapping[str, Any] | None = None
    tuning: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    evaluation: Mapping[str, float] | None = None
    evaluation_by_class: Mapping[str, Mapping[str, float]] | None = None
    evaluation_by_slice: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
    confusion: Mapping[str, Mapping[str, int]] | None = None
    baseline: Mapping[str, Any] | None = None
    force_bless: str | None = None
    serving: Mapping[str, Any] | None = None
    gates: Sequence[Gate] = ()
    pushed: Pushed | None = None
    error: Failure | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: versions())


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide what a run does."""
    return {"python": platform.python_version()} | {name: version(name) for name in _DISTRIBUTIONS}


def write(folder: Path, summary: Summary) -> Path:
    """Write summary.json into `folder`, whole or not at all."""
    path = folder / FILE
    unfinished = path.with_suffix(".unfinished")
    text = json.dumps(_finite(asdict(summary)), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which a diverged training brings: JSON has none."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
