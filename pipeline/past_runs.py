"""Earlier runs as ML Metadata remembers them, read without TFX."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.workdir import WorkDir

_RUN_CONTEXT = "pipeline_run"
_PUSHED = "PushedModel"


@dataclass(frozen=True)
class Kept:
    """What some runs use.

    folders: of their artifacts
    since: when the oldest of the latest ones began, in seconds since 1970
    """

    folders: Collection[Path]
    since: float


class PastRuns:
    """The runs in a work directory."""

    def __init__(self, place: WorkDir) -> None:
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(place.metadata)
        self._store = MetadataStore(config)

    def latest(self, count: int) -> Kept:
        """What the latest `count` runs use, and the run that pushed last."""
        runs = sorted(
            self._store.get_contexts_by_type(_RUN_CONTEXT),
            key=lambda run: run.create_time_since_epoch,
        )
        kept = runs[-count:]
        folders = {folder for run in (*kept, *self._last_pusher()) for folder in self._used(run)}
        since = min((run.create_time_since_epoch for run in kept), default=0) / 1000
        return Kept(folders, since)

    def _used(self, run: mlmd.Context) -> Collection[Path]:
        executions = self._store.get_executions_by_context(run.id)
        events = self._store.get_events_by_execution_ids([each.id for each in executions])
        artifacts = self._store.get_artifacts_by_id({event.artifact_id for event in events})
        return {Path(artifact.uri) for artifact in artifacts}

    def _last_pusher(self) -> Collection[mlmd.Context]:
        pushes = [
            artifact
            for artifact in self._store.get_artifacts_by_type(_PUSHED)
            if artifact.custom_properties["pushed"].int_value
        ]
        if not pushes:
            return []
        last = max(pushes, key=lambda artifact: artifact.create_time_since_epoch)
        [event, *_] = self._store.get_events_by_artifact_ids([last.id])
        contexts = self._store.get_contexts_by_execution(event.execution_id)
        return [context for context in contexts if context.type == _RUN_CONTEXT]
