"""The artifact types that TFX lacks."""

from tfx.types.artifact import Artifact


class Quarantine(Artifact):
    """What ingestion read and what it set aside.

    `counts.json` is an `IngestionCounts`; `quarantine.jsonl` has a line for each file that was
    set aside: `path`, `label`, `reason`, `message`.
    """

    TYPE_NAME = "Quarantine"


class DataVerdict(Artifact):
    """What the DataGate made of the data: `verdict.json` is a `components.gates.Verdict`."""

    TYPE_NAME = "DataVerdict"


class FrozenFeatures(Artifact):
    """What the frozen base has made of the images of a run: a `trainer.feature_set`."""

    TYPE_NAME = "FrozenFeatures"
