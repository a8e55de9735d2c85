"""What the steps of the latest run left behind, read from ML Metadata and its artifacts."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from components import gates, quarantine
from components.gates import Verdict
from components.quarantine import IngestionCounts
from pipeline.summary import Pushed
from pipeline.workdir import WorkDir
from trainer import calibration, feature_set, features
from trainer.features import TRIALS

_RUN_CONTEXT = "pipeline_run"
_OUTPUT = mlmd.Event.OUTPUT


class Results:
    """The artifacts of the latest run; each question is answered None where there is none yet."""

    def __init__(self, work_dir: WorkDir) -> None:
        self._store = _store(work_dir)
        self._artifacts = self._outputs_of_latest_run()

    def counts(self) -> IngestionCounts | None:
        """What ingestion read and set aside."""
        folder = self._folder("Quarantine")
        return quarantine.read_counts(folder) if folder else None

    def statistics(self) -> Path | None:
        """The folder with the statistics of the raw data, a folder a split."""
        return self._folder("ExampleStatistics")

    def data_verdict(self) -> Verdict | None:
        """What the DataGate said of data that it let through."""
        folder = self._folder("DataVerdict")
        return gates.read(folder) if folder else None

    def training(self) -> dict[str, Any] | None:
        """The training curves: `best_epoch`, and `epochs`, a row each; and the calibration."""
        folder = self.model_run()
        if folder is None:
            return None
        history = json.loads((folder / "history.json").read_text())
        calibrated = folder / calibration.FILE
        found = json.loads(calibrated.read_text()) if calibrated.exists() else None
        return {**history, "calibration": found}

    def tuning(self) -> dict[str, Any] | None:
        """What the Tuner found: `objective`, and `trials`, an object each, the best first."""
        folder = self._folder("TunerResults")
        return json.loads((folder / TRIALS).read_text()) if folder else None

    def model_run(self) -> Path | None:
        """The folder with curves, model summary and TensorBoard logs."""
        return self._folder("ModelRun")

    def evaluation(self) -> dict[str, float] | None:
        """Metric -> value, of the whole judged split."""
        return self._metrics().get(())

    def evaluation_by_class(self) -> dict[str, dict[str, float]] | None:
        """Class -> metric -> value."""
        return self._slices().get(features.LABEL)

    def evaluation_by_slice(self) -> dict[str, dict[str, dict[str, float]]] | None:
        """Property (`format`, `brightness`, `sharpness` or `size`) -> word -> metric -> value."""
        found = self._slices()
        names = {name: name.split("/")[1] for name in found if name != features.LABEL}
        return {names[name]: found[name] for name in sorted(names)} or None

    def is_blessed(self) -> bool | None:
        """What TFX's Evaluator decided."""
        artifact = self._artifacts.get("ModelBlessing")
        return artifact and artifact.custom_properties["blessed"].int_value == 1

    def pushed(self) -> Pushed | None:
        """Where the model was pushed to."""
        artifact = self._artifacts.get("PushedModel")
        return _pushed(artifact) if artifact else None

    def _folder(self, type_name: str) -> Path | None:
        artifact = self._artifacts.get(type_name)
        return Path(artifact.uri) if artifact else None

    def _metrics(self) -> Mapping[tuple, dict[str, float]]:
        folder = self._folder("ModelEvaluation")
        return _read_metrics(folder) if folder else {}

    def _slices(self) -> dict[str, dict[str, dict[str, float]]]:
        """Feature -> value -> metric -> value."""
        slices: dict[str, dict[str, dict[str, float]]] = {}
        for key, metrics in self._metrics().items():
            for name, value in key:
                slices.setdefault(name, {})[value] = metrics
        return slices

    def _outputs_of_latest_run(self) -> dict[str, mlmd.Artifact]:
        runs = self._store.get_contexts_by_type(_RUN_CONTEXT)
        if not runs:
            return {}
        latest = max(runs, key=lambda run: run.create_time_since_epoch)
        executions = self._store.get_executions_by_context(latest.id)
        events = self._store.get_events_by_execution_ids([each.id for each in executions])
        artifacts = self._store.get_artifacts_by_id(
            [event.artifact_id for event in events if event.type == _OUTPUT]
        )
        return {artifact.type: artifact for artifact in artifacts}


def push_request(work_dir: WorkDir, *, model_name: str, made_from: str) -> str:
    """What TFX's cache holds a push against: changes when this run's model must be pushed again.

    That is when its version has vanished, or a version of another model has been pushed since,
    which TF Serving would take for the newer one.

    Args:
      model_name: the folder under `serving/`.
      made_from: the same for two runs that make the same model.
    """
    pushes = _pushes(work_dir, model_name)
    vanished = [path for path, _ in pushes if not path.exists()]
    others = [
        int(path.name)
        for path, request in pushes
        if path not in vanished and not request.startswith(made_from)
    ]
    return f"{made_from} after {max(others, default='none')}, {len(vanished)} vanished"


def _pushes(work_dir: WorkDir, model_name: str) -> list[tuple[Path, str]]:
    """The folder of each version that was pushed, and the request that it was pushed at."""
    if not work_dir.metadata.exists():
        return []
    store = _store(work_dir)
    pushes = []
    for artifact in store.get_artifacts_by_type("PushedModel"):
        pushed = _pushed(artifact)
        if pushed and Path(pushed.path).parent == work_dir.serving / model_name:
            event = store.get_events_by_artifact_ids([artifact.id])[0]
            [execution] = store.get_executions_by_id([event.execution_id])
            config = json.loads(execution.custom_properties["custom_config"].string_value)
            pushes.append((Path(pushed.path), config["push_request"]))
    return pushes


def sweep(work_dir: WorkDir) -> None:
    """Remove what a step that never finished has left half-written, and damaged features.

    TFX's cache does not serve a folder that is not there: that step runs again. Call it only while
    holding the work directory: then no step is running.
    """
    unfinished = _unfinished(work_dir) if work_dir.metadata.exists() else []
    frozen = work_dir.artifacts.glob("FrozenFeatures/frozen/*")
    damaged = [folder for folder in frozen if not feature_set.is_intact(folder)]
    versions = work_dir.serving.glob("*/*")
    half_pushed = [version for version in versions if not (version / "saved_model.pb").exists()]
    for folder in {*unfinished, *damaged, *half_pushed}:
        shutil.rmtree(folder)


def _unfinished(work_dir: WorkDir) -> list[Path]:
    return [
        folder
        for execution in _store(work_dir).get_executions()
        if execution.last_known_state in (mlmd.Execution.NEW, mlmd.Execution.RUNNING)
        for folder in work_dir.artifacts.glob(f"*/*/{execution.id}")
    ]


def _store(work_dir: WorkDir) -> MetadataStore:
    return MetadataStore(metadata.sqlite_metadata_connection_config(str(work_dir.metadata)))


def _pushed(artifact: mlmd.Artifact) -> Pushed | None:
    properties = artifact.custom_properties
    if not properties["pushed"].int_value:
        return None
    destination = properties["pushed_destination"].string_value
    return Pushed(path=destination, version=properties["pushed_version"].string_value)


def _read_metrics(folder: Path) -> dict[tuple, dict[str, float]]:
    result = tfma.load_eval_result(str(folder))
    return {
        slice_key: {name: value["doubleValue"] for name, value in metrics[""][""].items()}
        for slice_key, metrics in result.slicing_metrics
    }
