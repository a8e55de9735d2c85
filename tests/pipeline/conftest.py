"""Fixtures for the tests of what runs leave behind."""

import json

import pytest

from pipeline.workdir import WorkDir


@pytest.fixture
def work_dir(tmp_path):
    return WorkDir(tmp_path)


class Recorder:
    """Writes to ML Metadata what TFX's launcher would."""

    def __init__(self, work_dir):
        from ml_metadata.metadata_store import MetadataStore
        from ml_metadata.proto import metadata_store_pb2 as mlmd
        from tfx.orchestration import metadata

        self.mlmd = mlmd
        self.store = MetadataStore(
            metadata.sqlite_metadata_connection_config(str(work_dir.metadata))
        )

    def run(self, name):
        kind = self.store.put_context_type(self.mlmd.ContextType(name="pipeline_run"))
        [context] = self.store.put_contexts([self.mlmd.Context(type_id=kind, name=name)])
        return context

    def execution(self, state="COMPLETE", *, custom_config=""):
        kind = self.store.put_execution_type(self.mlmd.ExecutionType(name="step"))
        last_known = self.mlmd.Execution.State.Value(state)
        made = self.mlmd.Execution(type_id=kind, last_known_state=last_known)
        made.custom_properties["custom_config"].string_value = custom_config
        return self.store.put_executions([made])[0]

    def output(self, context, type_name, uri, **properties):
        """A step of the run `context` that put out an artifact; answers the artifact."""
        execution = self.execution(custom_config=properties.pop("custom_config", ""))
        kind = self.store.put_artifact_type(self.mlmd.ArtifactType(name=type_name))
        made = self.mlmd.Artifact(type_id=kind, uri=str(uri))
        for name, value in properties.items():
            slot = "int_value" if isinstance(value, int) else "string_value"
            setattr(made.custom_properties[name], slot, value)
        [artifact] = self.store.put_artifacts([made])
        self.put_out(context, execution, artifact)
        return artifact

    def step(self, context, **parameters):
        """A step of the run `context`, with its parameters."""
        execution = self.execution()
        [made] = self.store.get_executions_by_id([execution])
        for name, value in parameters.items():
            made.custom_properties[name].string_value = value
        self.store.put_executions([made])
        self.store.put_attributions_and_associations(
            [], [self.mlmd.Association(execution_id=execution, context_id=context)]
        )

    def push(self, folder, request):
        """A Pusher's execution that pushed to `folder`."""
        self.output(
            self.run(request),
            "PushedModel",
            "p",
            pushed=1,
            pushed_destination=str(folder),
            pushed_version=folder.name,
            custom_config=json.dumps({"push_request": request}),
        )

    def put_out(self, context, execution, artifact):
        event = self.mlmd.Event(
            artifact_id=artifact, execution_id=execution, type=self.mlmd.Event.OUTPUT
        )
        self.store.put_events([event])
        self.store.put_attributions_and_associations(
            [], [self.mlmd.Association(execution_id=execution, context_id=context)]
        )


@pytest.fixture
def recorder(work_dir):
    return Recorder(work_dir)
