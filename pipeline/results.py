"""What the steps of the latest run left behind, read from ML Metadata and its artifacts."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from components import (
    evaluations,
    gates,
    judged_images,
    quarantine,
    releases,
    serving_examination,
    storage,
)
from components.blessed import Blessed
from components.evaluations import Evaluation
from components.gates import Verdict
from components.quarantine import IngestionCounts, SetAside
from pipeline.summary import Pushed, Status
from pipeline.workdir import WorkDir
from trainer import calibration, feature_set
from trainer.feature_set import FeatureSet
from trainer.features import TRIALS

_RUN_CONTEXT = "pipeline_run"
_OUTPUT = mlmd.Event.OUTPUT


class Outputs:
    """The artifacts of a run; each question is answered None where there is none yet."""

    def __init__(self, artifacts: Iterable[mlmd.Artifact]) -> None:
        # Types of our own bear the name of their package: `components.Quarantine`.
        self._artifacts = {artifact.type.rpartition(".")[2]: artifact for artifact in artifacts}

    def counts(self) -> IngestionCounts | None:
        """What ingestion read and set aside."""
        folder = self._folder("Quarantine")
        return quarantine.read_counts(folder) if folder else None

    def set_aside(self) -> list[SetAside]:
        """The files that were not ingested, and why."""
        folder = self._folder("Quarantine")
        return quarantine.read_set_aside(folder) if folder else []

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

    def features(self) -> FeatureSet | None:
        """What the frozen base has made of the images; None, too, where files are damaged."""
        folder = self._folder("FrozenFeatures")
        return feature_set.read(folder) if folder and feature_set.is_intact(folder) else None

    def tuning(self) -> dict[str, Any] | None:
        """What the Tuner found: `objective`, and `trials`, an object each, the best first."""
        folder = self._folder("TunerResults")
        return json.loads((folder / TRIALS).read_text()) if folder else None

    def model_run(self) -> Path | None:
        """The folder with curves, model summary and TensorBoard logs."""
        return self._folder("ModelRun")

    def evaluation(self) -> Evaluation | None:
        """What the Evaluator measured; None where it has not come to an end."""
        folder = self._judged()
        return evaluations.read(str(folder)) if folder else None

    def predictions(self) -> Path | None:
        """The file of what was served for each judged image; see `components.judged_images`."""
        folder = self._folder("ModelEvaluation")
        file = folder / judged_images.FILE if folder and self._judged() else None
        return file if file and file.exists() else None

    def model_verdict(self) -> Verdict | None:
        """What the Evaluator said of the model."""
        folder = self._judged()
        return gates.read(folder) if folder else None

    def is_blessed(self) -> bool | None:
        """What TFX's Evaluator decided."""
        artifact = self._artifacts.get("ModelBlessing")
        return artifact and artifact.custom_properties["blessed"].int_value == 1

    def serving_verdict(self) -> Verdict | None:
        """What the ServingGate said of the model."""
        folder = self._folder("InfraBlessing")
        return gates.read(folder) if folder else None

    def serving(self) -> dict[str, Any] | None:
        """What the ServingGate measured; see `components.serving_examination`."""
        folder = self._folder("InfraBlessing")
        return json.loads((folder / serving_examination.FILE).read_text()) if folder else None

    def pushed(self) -> Pushed | None:
        """Where the model is served from."""
        pushed = self._pushed_before()
        if pushed is None or storage.is_remote(pushed.path):
            return pushed
        return pushed if Path(pushed.path).exists() else None

    def is_withdrawn(self) -> bool:
        """Whether the model was pushed, by an earlier run, and is served no more."""
        return self._pushed_before() is not None and self.pushed() is None

    def status(self) -> Status:
        """How a run has ended whose steps have all come to an end."""
        if not self.is_blessed():
            return "not_blessed"
        if (verdict := self.serving_verdict()) and verdict.failed:
            return "not_servable"
        if self.is_withdrawn():
            return "withdrawn"
        return "pushed" if self.pushed() else "not_pushed"

    def _pushed_before(self) -> Pushed | None:
        artifact = self._artifacts.get("PushedModel")
        return _pushed(artifact) if artifact else None

    def _folder(self, type_name: str) -> Path | None:
        artifact = self._artifacts.get(type_name)
        return Path(artifact.uri) if artifact else None

    def _judged(self) -> Path | None:
        folder = self._folder("ModelBlessing")
        return folder if folder and (folder / gates.VERDICT_FILE).exists() else None


class Results(Outputs):
    """The artifacts of the latest run of a work directory."""

    def __init__(self, work_dir: WorkDir) -> None:
        super().__init__(_outputs_of_latest_run(_store(work_dir)))


def _outputs_of_latest_run(store: MetadataStore) -> list[mlmd.Artifact]:
    runs = store.get_contexts_by_type(_RUN_CONTEXT)
    if not runs:
        return []
    latest = max(runs, key=lambda run: run.create_time_since_epoch)
    executions = store.get_executions_by_context(latest.id)
    events = store.get_events_by_execution_ids([each.id for each in executions])
    return store.get_artifacts_by_id(
        [event.artifact_id for event in events if event.type == _OUTPUT]
    )


def push_request(work_dir: WorkDir, *, model_name: str, made_from: str) -> str:
    """What TFX's cache holds a push against: changes when this run's model must be pushed again.

    That is when no version of it is left, or a version of another model has been pushed since,
    which TF Serving would take for the newer one. A version that a person has withdrawn counts as
    pushed: the same model does not come back by itself.

    Args:
      model_name: the folder under `serving/`.
      made_from: the same for two runs that make the same model.
    """
    base = work_dir.serving / model_name
    pushes = _pushes(work_dir, model_name)
    own = [
        (int(path.name), request)
        for path, request in pushes
        if request.startswith(made_from)
        and (path.exists() or releases.was_withdrawn(base, int(path.name)))
    ]
    others = [
        int(path.name)
        for path, request in pushes
        if path.exists() and not request.startswith(made_from)
    ]
    version, request = max(own, default=(0, ""))
    # The request of a push that still stands is one that TFX's cache knows.
    stands = version > max(others, default=0)
    return request if stands else f"{made_from} after {len(pushes)} pushes"


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


@dataclass(frozen=True)
class PushTerms:
    """What the model of a push was judged on.

    fingerprint: of the blessed model that it was compared with
    settings: the bounds, as JSON
    force_bless: why a person had it blessed in spite of failed checks; may be empty
    """

    fingerprint: str
    settings: str
    force_bless: str


def terms_of_push(work_dir: WorkDir, folder: Path, *, made_from: str) -> PushTerms | None:
    """What a pushed model was judged on; None if it was not made from the same.

    Args:
      folder: where it was pushed to.
      made_from: the same for two runs that make the same model.
    """
    if not work_dir.metadata.exists():
        return None
    store = _store(work_dir)
    for artifact in store.get_artifacts_by_type("PushedModel"):
        pushed = _pushed(artifact)
        if pushed and Path(pushed.path) == folder:
            pusher, *others = _steps_of_run(store, artifact)
            request = json.loads(pusher["custom_config"])["push_request"]
            return _push_terms(others) if request.startswith(made_from) else None
    return None


def terms_of_card(card: Blessed, *, made_from: str) -> PushTerms | None:
    """What a pushed model was judged on, as its own card tells; None if it tells of another.

    Args:
      made_from: the same for two runs that make the same model.
    """
    told = card.terms
    if told.get("made_from") != made_from:
        return None
    return PushTerms(told["fingerprint"], told["settings"], told["force_bless"])


def _push_terms(steps: Sequence[Mapping[str, str]]) -> PushTerms | None:
    compared = next((step for step in steps if "pointer" in step), None)
    judged = next((step for step in steps if "force_bless" in step), None)
    if compared is None or judged is None:
        return None
    return PushTerms(compared["fingerprint"], judged["settings"], judged["force_bless"])


def _steps_of_run(store: MetadataStore, artifact: mlmd.Artifact) -> list[dict[str, str]]:
    """The parameters of the step that made an artifact, and of the others of that run."""
    event = store.get_events_by_artifact_ids([artifact.id])[0]
    contexts = store.get_contexts_by_execution(event.execution_id)
    [run] = [each for each in contexts if each.type == _RUN_CONTEXT]
    executions = store.get_executions_by_context(run.id)
    executions.sort(key=lambda execution: execution.id != event.execution_id)
    return [
        {name: value.string_value for name, value in execution.custom_properties.items()}
        for execution in executions
    ]


def forget_refusals(work_dir: WorkDir) -> None:
    """Have the ServingGate measure a model again that it has refused: a machine can be busy.

    Other steps that refuse either raise, or hang on nothing but their inputs.
    """
    for folder in refusals(work_dir):
        shutil.rmtree(folder)


def refusals(work_dir: WorkDir) -> set[Path]:
    """The ServingGate's folders of models that it has refused."""
    marks = work_dir.artifacts.glob("ServingGate/blessing/*/INFRA_NOT_BLESSED")
    return {mark.parent for mark in marks}


def sweep(work_dir: WorkDir) -> None:
    """Remove what a step that never finished has left half-written, and damaged features.

    TFX's cache does not serve a folder that is not there: that step runs again. Call it only while
    holding the work directory: then no step is running.
    """
    for folder in remains(work_dir):
        shutil.rmtree(folder)
    for base in work_dir.serving.glob("*"):
        releases.sweep(base)


def remains(work_dir: WorkDir) -> set[Path]:
    """The folders of artifacts that are half-written, and those of damaged features."""
    unfinished = _unfinished(work_dir) if work_dir.metadata.exists() else []
    frozen = work_dir.artifacts.glob("FrozenFeatures/frozen/*")
    damaged = [folder for folder in frozen if not feature_set.is_intact(folder)]
    return {*unfinished, *damaged}


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
