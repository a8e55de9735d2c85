"""`frostline lineage`: from a pushed version back to data, code, weights and settings.

ML Metadata keeps which step made what of what; it tells of versions, too, whose files are gone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import pushed_versions
from pipeline.changes import OPTIONAL_SETTINGS, Change, changes
from pipeline.config import Config
from pipeline.pushed_versions import State, Wanted
from pipeline.run_summaries import past_runs
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError, WorkDirError

_PUSHED = "PushedModel"
# Step -> its parameter that holds a section of the configuration.
_SECTIONS = {
    "data": ("ImageExampleGen", "settings"),
    "gate": ("DataGate", "settings"),
    "features": ("FrozenFeatures", "keeping"),
    "evaluate": ("Evaluator", "settings"),
    "serving_gate": ("ServingGate", "settings"),
}


@dataclass(frozen=True)
class Made:
    """An artifact, and the step that made it.

    made: when, in UTC
    is_there: whether its files are; `frostline gc` removes what no recent run uses
    inputs: what the step took -> how that was made
    """

    type: str
    uri: str
    is_there: bool
    step: str
    execution: int
    made: str
    inputs: Mapping[str, "Made"]


@dataclass(frozen=True)
class Lineage:
    """Where a pushed version comes from; what nobody noted down is None.

    folder: where it was pushed to
    run: the id of the run that pushed it; None where its summary is gone
    span: which spans of the data, as `N..M`; empty where there are none
    data_fingerprint: changes when a file comes, goes, grows or is written again
    code: digest of the source of trainer/ and components/
    weights_sha256: "random" for a base without a file
    settings: what was not as in the defaults of this Frostline
    """

    name: str
    version: int
    folder: str
    state: State
    run: str | None
    pushed: str
    data: str | None
    span: str | None
    data_fingerprint: str | None
    code: str | None
    weights: str | None
    weights_sha256: str | None
    settings: Sequence[Change]
    made: Made


def trace(wanted: Wanted) -> Lineage:
    """Follow a pushed version back.

    Raises:
      ConfigError: no such version was pushed, or several were, under different names.
      WorkDirError: it is no work directory.
    """
    place = wanted.place
    if not place.metadata.exists():
        raise WorkDirError(f"--work-dir {place.root} holds no run: {place.metadata} is missing")
    history = _History(place)
    pushed = _chosen(history.pushed(), wanted)
    destination = Path(_text(pushed, "pushed_destination"))
    made = history.made(pushed)
    told = history.parameters(made)
    learned = _json(told.get("Trainer", {}).get("custom_config"))
    ingested = told.get("ImageExampleGen", {})
    name, version = destination.parent.name, int(destination.name)
    return Lineage(
        name=name,
        version=version,
        folder=str(destination),
        state=pushed_versions.state(place, name, version),
        run=_run(place, name, version),
        pushed=made.made,
        data=ingested.get("data"),
        span=ingested.get("span"),
        data_fingerprint=ingested.get("fingerprint"),
        code=learned.get("code"),
        weights=learned.get("weights"),
        weights_sha256=learned.get("weights_sha256"),
        settings=_settings(told, learned.get("settings") or {}),
        made=made,
    )


class _History:
    """ML Metadata, read and never written."""

    def __init__(self, place: WorkDir) -> None:
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(place.metadata)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READONLY
        self._store = MetadataStore(config)

    def pushed(self) -> list[mlmd.Artifact]:
        """The versions that were pushed."""
        artifacts = self._store.get_artifacts_by_type(_PUSHED)
        return [each for each in artifacts if each.custom_properties["pushed"].int_value]

    def made(self, artifact: mlmd.Artifact) -> Made:
        """How an artifact was made, of what, and so on."""
        events = self._store.get_events_by_artifact_ids([artifact.id])
        # Later ones are of runs that found it in the cache.
        maker = min(each.execution_id for each in events if each.type == mlmd.Event.OUTPUT)
        [execution] = self._store.get_executions_by_id([maker])
        return Made(
            type=artifact.type,
            uri=artifact.uri,
            is_there=Path(artifact.uri).exists(),
            step=self._step(maker),
            execution=maker,
            made=_time(execution.create_time_since_epoch),
            inputs=dict(sorted(self._inputs(maker), key=lambda each: each[1].execution)),
        )

    def parameters(self, made: Made) -> dict[str, dict[str, str]]:
        """Step -> parameter -> value, of all steps that led to an artifact."""
        by_step = {each.step: each.execution for each in _all(made)}
        executions = self._store.get_executions_by_id(list(by_step.values()))
        values = {
            each.id: {name: value.string_value for name, value in each.custom_properties.items()}
            for each in executions
        }
        return {step: values[execution] for step, execution in by_step.items()}

    def _inputs(self, execution: int) -> Iterator[tuple[str, Made]]:
        events = self._store.get_events_by_execution_ids([execution])
        for event in events:
            if event.type == mlmd.Event.INPUT:
                [artifact] = self._store.get_artifacts_by_id([event.artifact_id])
                yield event.path.steps[0].key, self.made(artifact)

    def _step(self, execution: int) -> str:
        contexts = self._store.get_contexts_by_execution(execution)
        names = [each.name.rpartition(".")[2] for each in contexts if each.type == "node"]
        return names[0] if names else "?"


def _chosen(pushed: Sequence[mlmd.Artifact], wanted: Wanted) -> mlmd.Artifact:
    by_folder = {Path(_text(each, "pushed_destination")): each for each in pushed}
    meant = [
        folder
        for folder in by_folder
        if folder.name == str(wanted.version) and wanted.name in (None, folder.parent.name)
    ]
    if len(meant) == 1:
        return by_folder[meant[0]]
    if meant:
        folders = " or ".join(map(str, meant))
        raise ConfigError(f"version {wanted.version}: that may be {folders}: name the folder")
    there = ", ".join(f"{each.parent.name}/{each.name}" for each in sorted(by_folder)) or "none"
    raise ConfigError(
        f"version {wanted.version}: {wanted.place.root} has pushed no such version; pushed were "
        f"{there}. MODEL is {pushed_versions.ACCEPTED}"
    )


def _all(made: Made) -> Iterator[Made]:
    yield made
    for each in made.inputs.values():
        yield from _all(each)


def _run(place: WorkDir, name: str, version: int) -> str | None:
    runs = [
        run.run_id
        for run in past_runs(place)
        if run.text("pushed", "version") == str(version)
        and run.text("config", "push", "model_name") == name
    ]
    # Later ones found the push in the cache.
    return runs[-1] if runs else None


def _settings(told: Mapping[str, Mapping[str, str]], learned: Mapping[str, Any]) -> list[Change]:
    sections = {
        name: found
        for name, (step, parameter) in _SECTIONS.items()
        if (found := _json(told.get(step, {}).get(parameter)))
    }
    used = {**learned, **sections}
    defaults = Config().model_dump(mode="json", include=set(used))
    found = changes(defaults, used, optional=OPTIONAL_SETTINGS)
    # What only one version of Frostline knows is no change of mind.
    return [change for change in found if change.is_of_both]


def _json(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}


def _text(artifact: mlmd.Artifact, name: str) -> str:
    return artifact.custom_properties[name].string_value


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
