"""The pointer to the model that was blessed and pushed last: what a new model is compared with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components import storage

FILE = "blessed.json"


@dataclass(frozen=True)
class Blessed:
    """A model that passed its gates, or was forced through, and is served.

    version: as TF Serving counts
    model: the folder of the SavedModel, a path or a URL
    judged: digest of the images, with their labels, that it was judged on
    metrics: slice -> metric -> value; the whole split is the slice ""
    serving: what the ServingGate measured
    forced: why a person had it pushed in spite of failed checks; empty if nobody did
    terms: `made_from`, the same for two runs that make the same model, and `fingerprint`,
      `settings` and `force_bless`, which it was judged on; empty where ML Metadata tells of them
    """

    version: int
    model: str
    judged: str
    metrics: Mapping[str, Mapping[str, float]]
    serving: Mapping[str, Any] = field(default_factory=dict)
    forced: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)


def read(path: str) -> Blessed | None:
    """Read a pointer, a file or a URL; None where nothing was blessed yet."""
    text = text_of(path)
    return Blessed(**json.loads(text)) if text else None


def text_of(path: str) -> str:
    """A pointer as it is written, empty where there is none: what a cache can be keyed by."""
    if storage.is_remote(path):
        from tfx.dsl.io import fileio

        if not fileio.exists(path):
            return ""
        with fileio.open(path) as file:
            return str(file.read())
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write(path: str, blessed: Blessed) -> None:
    """Write a pointer, a file or a URL, whole or not at all."""
    text = json.dumps(asdict(blessed), indent=2, ensure_ascii=False) + "\n"
    if storage.is_remote(path):
        # An object store shows an object once it is whole.
        from tfx.dsl.io import fileio

        with fileio.open(path, "w") as file:
            file.write(text)
        return
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
