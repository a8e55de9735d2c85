"""A pushed version is followed back to data, code, weights and settings, though it be gone."""

import json

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import lineage, lineage_text
from pipeline.pushed_versions import Wanted
from trainer.errors import ConfigError, WorkDirError

pytestmark = pytest.mark.graph


class History:
    """Writes to ML Metadata what runs would."""

    def __init__(self, place):
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(place.metadata)
        self.store, self.place = MetadataStore(config), place
        self.contexts = {}

    def step(self, name, output, inputs=(), *, properties=None, **parameters):
        """A step that takes artifacts, by key, and makes one; answers it."""
        kind = self.store.put_execution_type(mlmd.ExecutionType(name=name))
        made = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.COMPLETE)
        for key, value in parameters.items():
            made.custom_properties[key].string_value = value
        [execution] = self.store.put_executions([made])
        for key, given in dict(inputs).items():
            self.event(execution, given, mlmd.Event.INPUT, key)
        kind = self.store.put_artifact_type(mlmd.ArtifactType(name=output))
        artifact = mlmd.Artifact(type_id=kind, uri=str(self.place.artifacts / name))
        for key, value in (properties or {}).items():
            slot = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[key], slot, value)
        [artifact] = self.store.put_artifacts([artifact])
        self.event(execution, artifact, mlmd.Event.OUTPUT, "output")
        self.of_step(name, execution)
        return artifact

    def event(self, execution, artifact, kind, key):
        event = mlmd.Event(execution_id=execution, artifact_id=artifact, type=kind)
        event.path.steps.add().key = key
        self.store.put_events([event])

    def of_step(self, name, execution):
        if name not in self.contexts:
            kind = self.store.put_context_type(mlmd.ContextType(name="node"))
            context = mlmd.Context(type_id=kind, name=f"m.{name}")
            [self.contexts[name]] = self.store.put_contexts([context])
        link = mlmd.Association(execution_id=execution, context_id=self.contexts[name])
        self.store.put_attributions_and_associations([], [link])

    def push(self, version, *, name="m", epochs=5):
        """A run that pushed a version."""
        examples = self.step(
            "ImageExampleGen",
            "Examples",
            data="photos",
            span="1..2",
            fingerprint="data-1",
            settings='{"max_pixels": 7}',
        )
        config = {
            "code": "code-1",
            "weights": "weights.h5",
            "weights_sha256": "sha-1",
            "settings": {"train": {"epochs": epochs}},
        }
        model = self.step(
            "Trainer", "Model", {"examples": examples}, custom_config=json.dumps(config)
        )
        destination = self.place.serving / name / str(version)
        properties = {"pushed": 1, "pushed_destination": str(destination)}
        return self.step("Pusher", "PushedModel", {"model": model}, properties=properties)


@pytest.fixture
def history(work_dir):
    return History(work_dir)


def trace(place, version, name=None):
    return lineage.trace(Wanted(place, name, version))


def test_version_is_followed_back_to_data_code_and_weights(work_dir, history):
    history.push(7)
    found = trace(work_dir, 7)
    assert (found.name, found.version) == ("m", 7)
    assert (found.data, found.span, found.data_fingerprint) == ("photos", "1..2", "data-1")
    assert (found.code, found.weights, found.weights_sha256) == ("code-1", "weights.h5", "sha-1")
    trainer = found.made.inputs["model"]
    assert (found.made.step, trainer.step) == ("Pusher", "Trainer")
    assert trainer.inputs["examples"].step == "ImageExampleGen"


def test_settings_are_those_that_the_defaults_have_not(work_dir, history):
    history.push(7)
    assert [str(each) for each in trace(work_dir, 7).settings] == [
        "train.epochs 20 → 5",
        "data.max_pixels 100000000 → 7",
    ]


def test_artifact_that_a_later_run_found_in_the_cache_was_made_by_the_first(work_dir, history):
    history.push(7)
    pushed = history.push(8)
    kind = history.store.get_execution_type("Pusher").id
    again = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.CACHED)
    [cached] = history.store.put_executions([again])
    history.event(cached, pushed, mlmd.Event.OUTPUT, "output")
    assert trace(work_dir, 8).made.execution < cached


def test_run_is_the_one_that_pushed_and_not_one_that_found_the_push(work_dir, history):
    history.push(7)
    assert trace(work_dir, 7).run is None
    summary = {"pushed": {"version": "7"}, "config": {"push": {"model_name": "m"}}}
    for run in ("20260101-000000", "20260102-000000"):
        (work_dir.runs / run).mkdir(parents=True)
        (work_dir.runs / run / "summary.json").write_text(json.dumps(summary))
    assert trace(work_dir, 7).run == "20260101-000000"


def test_version_whose_files_are_gone_is_traced_and_said_to_be_gone(work_dir, history):
    history.push(7)
    said = "\n".join(lineage_text.lines(trace(work_dir, 7), width=200))
    assert "is gone from there" in said
    assert "model: Trainer 2, " in said
    assert "files gone" in said


def test_rows_and_tree_tell_it_to_a_person(work_dir, history):
    history.push(7)
    found = trace(work_dir, 7)
    rows = dict(lineage_text.rows(found))
    assert rows["data"] == "photos, span 1..2"
    assert rows["weights sha256"] == "sha-1"
    assert "train.epochs 20 → 5" in rows["not as in defaults"]
    said = lineage_text.lines(found, width=100)
    assert said[0].startswith("version             m 7, pushed 20")
    assert said[-1].strip().startswith("└── examples: ImageExampleGen 1, ")


def test_unknown_version_is_told_which_there_are(work_dir, history):
    history.push(7)
    with pytest.raises(
        ConfigError, match=r"has pushed no such version; pushed were m/7\. MODEL is"
    ):
        trace(work_dir, 8)
    with pytest.raises(ConfigError, match="pushed were m/7"):
        trace(work_dir, 7, name="other")


def test_number_that_two_models_have_asks_for_the_folder(work_dir, history):
    history.push(7)
    history.push(7, name="n")
    with pytest.raises(ConfigError, match=r"that may be .*/m/7 or .*/n/7: name the folder"):
        trace(work_dir, 7)
    assert trace(work_dir, 7, name="n").name == "n"


def test_folder_without_runs_is_no_work_directory(work_dir):
    with pytest.raises(WorkDirError, match=r"holds no run: .*metadata.sqlite is missing"):
        trace(work_dir, 7)
