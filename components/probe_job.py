"""What a probe is asked to do, and what it tells. Nothing heavy is imported here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components import model_server, serving_container


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to put a SavedModel through. Each stage is left out where it has nothing to do.

    model: the SavedModel's folder
    photos: files of real photos; a request takes as many from the front, over again if need be
    batches: images a request
    seconds_per_batch: how long requests of one size are repeated
    parity: files of the images whose scores are wanted
    large: file of a large photo; empty for none
    malformed: name -> file of bytes that are no image
    server: TF Serving's program; empty for none
    image: TF Serving's Docker image, where there is no program; empty for a TensorFlow session
    container: what its container is called; `components.probe_process` gives the name
    """

    model: str
    photos: Sequence[str]
    batches: Sequence[int]
    seconds_per_batch: float
    parity: Sequence[str] = ()
    large: str = ""
    malformed: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    image: str = ""
    container: str = ""

    @property
    def engine(self) -> str:
        """Who answers; see `Figures.engine`."""
        if self.server:
            return model_server.PROGRAM
        return f"{serving_container.PROGRAM} {self.image}" if self.image else "session"


@dataclass(frozen=True)
class Latency:
    """Milliseconds of so many requests; with few of them the 99th percentile is the slowest."""

    p50_ms: float
    p99_ms: float
    requests: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a probe has measured; None or empty what it did not come to.

    engine: `tensorflow_model_server`, `docker IMAGE`, or `session` for a TensorFlow session
    load_seconds: from nothing loaded to a model that has replayed its warm-up
    peak_bytes, resident_bytes: of the process that holds the model
    latency: images a request -> milliseconds
    fault: what is wrong with the first answer that breaks the contract; empty if none does
    scores: of the images of `Job.parity`: class -> score
    large_photo_ms: milliseconds for the large photo
    malformed: name -> how it was answered: `refused`, `told` (in the output `error`) or `answered`
    """

    engine: str = ""
    load_seconds: float | None = None
    peak_bytes: int | None = None
    resident_bytes: int | None = None
    latency: Mapping[str, Latency] = field(default_factory=dict)
    fault: str | None = None
    scores: Sequence[Mapping[str, float]] = ()
    large_photo_ms: float | None = None
    malformed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Probed:
    """How a probe ended.

    death: why it did not come to its end, in a sentence; empty if it did
    """

    figures: Figures
    death: str = ""


def figures(told: Mapping[str, Any]) -> Figures:
    """Figures as they come out of JSON."""
    latency = {batch: Latency(**each) for batch, each in told.get("latency", {}).items()}
    return Figures(**{**told, "latency": latency})
