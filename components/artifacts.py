"""The artifact types that TFX lacks.

Kubeflow's documents tell of a type by a name alone, which TFX then imports: so it begins with the
package, which hands the types on; see `components.__getattr__`.
"""

from tfx.types.artifact import Artifact


class Quarantine(Artifact):
    """What ingestion read and what it set aside.

    `counts.json` is an `IngestionCounts`; `quarantine.jsonl` has a line for each file that was
    set aside: `path`, `label`, `reason`, `message`.
    """

    TYPE_NAME = "components.Quarantine"


class DataVerdict(Artifact):
    """What the DataGate made of the data: `verdict.json` is a `components.gates.Verdict`."""

    TYPE_NAME = "components.DataVerdict"


class FrozenFeatures(Artifact):
    """What the frozen base has made of the images of a run: a `trainer.feature_set`."""

    TYPE_NAME = "components.FrozenFeatures"


class RunSummary(Artifact):
    """A file: `summary.json` of a run on a cluster."""

    TYPE_NAME = "components.RunSummary"


class Report(Artifact):
    """A file: `report.html` of a run on a cluster, under the name by which Kubeflow shows it."""

    TYPE_NAME = "system.HTML"
