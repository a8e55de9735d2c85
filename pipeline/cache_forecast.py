"""Which steps TFX's cache would answer for: asked as its launcher asks, on a copy of ML Metadata.

A step whose key the cache knows is published in the copy as cached, so that the steps below find
their inputs. Below a step that runs no key is known, and none is needed: what the step makes is
new, which no key of the cache has seen.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx import v1 as tfx
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    cache_utils,
    execution_publish_utils,
    inputs_utils,
    outputs_utils,
    runtime_parameter_utils,
)
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.types.artifact import Artifact

from pipeline.cached_steps import Outlook, Parameters

_Artifacts = Mapping[str, Sequence[Artifact]]
# The messages Pipeline and PipelineNode of tfx.proto.orchestration.pipeline_pb2, which no checker
# of types can read.
_Pipeline: TypeAlias = Any
_Node: TypeAlias = Any


def ask(pipeline: tfx.dsl.Pipeline, database: Path, *, gone: Collection[Path]) -> list[Outlook]:
    """The outlook of each step, in the order in which they run.

    Args:
      pipeline: what would be run.
      database: a copy of ML Metadata, which is written to; it need not be there.
      gone: folders of artifacts that a run removes before its first step.
    """
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: "planned"}
    )
    config = metadata.sqlite_metadata_connection_config(str(database))
    with metadata.Metadata(config) as handle:
        _forget(handle, {str(folder) for folder in gone})
        asking = _Asking(handle, ir)
        for node in ir.nodes:
            asking.about(node.pipeline_node)
        return asking.outlooks


def _forget(handle: metadata.Metadata, gone: Collection[str]) -> None:
    artifacts = [each for each in handle.store.get_artifacts() if each.uri in gone]
    for artifact in artifacts:
        artifact.state = mlmd.Artifact.DELETED
    if artifacts:
        handle.store.put_artifacts(artifacts)


class _Asking:
    """Goes through the steps of a pipeline, each after those above it."""

    def __init__(self, handle: metadata.Metadata, ir: _Pipeline) -> None:
        self._handle = handle
        self._ir = ir
        self._deployment = runner_utils.extract_local_deployment_config(ir)
        self.outlooks: list[Outlook] = []

    def about(self, node: _Node) -> None:
        """Tell of one more step."""
        name = node.node_info.id
        before = self._latest_success(node)
        contexts = context_lib.prepare_contexts(self._handle, node.contexts)
        properties = data_types_utils.build_parsed_value_dict(
            inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
        )
        execution = execution_publish_utils.register_execution(
            self._handle, node.node_info.type, contexts, exec_properties=properties
        )
        waits_for = self._running(_producers(node))
        inputs = {} if waits_for else self._inputs(node)
        key = None if waits_for else self._key(node, execution, inputs, properties)
        found = key and self._found(node, key)
        if found:
            execution_publish_utils.publish_cached_executions(
                self._handle, [*contexts, key], [execution], [found]
            )
        self.outlooks.append(
            Outlook(
                name,
                is_cached=bool(found),
                waits_for=waits_for,
                # As the database keeps them: it has no booleans.
                parameters=_parameters(self._handle.store.get_executions_by_id([execution.id])[0]),
                before=before and _parameters(before),
                was_made=self._was_made(key) if key else "no",
                other_inputs=self._other_inputs(node, before, inputs) if before else (),
            )
        )

    def _running(self, producers: Collection[str]) -> list[str]:
        return [
            each.step for each in self.outlooks if each.step in producers and not each.is_cached
        ]

    def _inputs(self, node: _Node) -> _Artifacts:
        [resolved] = inputs_utils.resolve_input_artifacts(
            pipeline_node=node, metadata_handle=self._handle
        )
        return resolved

    def _key(
        self,
        node: _Node,
        execution: mlmd.Execution,
        inputs: _Artifacts,
        properties: Parameters,
    ) -> mlmd.Context:
        resolver = outputs_utils.OutputsResolver(
            pipeline_node=node,
            pipeline_info=self._ir.pipeline_info,
            pipeline_runtime_spec=self._ir.runtime_spec,
        )
        return cache_utils.get_cache_context(
            metadata_handle=self._handle,
            pipeline_node=node,
            pipeline_info=self._ir.pipeline_info,
            executor_spec=runner_utils.extract_executor_spec(self._deployment, node.node_info.id),
            input_artifacts=inputs,
            output_artifacts=resolver.generate_output_artifacts(execution.id),
            parameters=properties,
        )

    def _found(self, node: _Node, key: mlmd.Context) -> _Artifacts | None:
        if not node.execution_options.caching_options.enable_cache:
            return None
        return cache_utils.get_cached_outputs(self._handle, cache_context=key)

    def _was_made(self, key: mlmd.Context) -> Literal["yes", "failed", "no"]:
        executions = self._handle.store.get_executions_by_context(key.id)
        if any(execution_lib.is_execution_successful(each) for each in executions):
            return "yes"
        return "failed" if executions else "no"

    def _latest_success(self, node: _Node) -> mlmd.Execution | None:
        name = f"{self._ir.pipeline_info.id}.{node.node_info.id}"
        context = self._handle.store.get_context_by_type_and_name("node", name)
        executions = self._handle.store.get_executions_by_context(context.id) if context else []
        ended_well = [each for each in executions if execution_lib.is_execution_successful(each)]
        return max(ended_well, key=lambda each: each.id, default=None)

    def _other_inputs(self, node: _Node, before: mlmd.Execution, inputs: _Artifacts) -> list[str]:
        """The steps above that gave something else the last time."""
        events = self._handle.store.get_events_by_execution_ids([before.id])
        used = {event.artifact_id for event in events if event.type == mlmd.Event.INPUT}
        return [
            channel.producer_node_query.id
            for key, artifacts in inputs.items()
            if not {artifact.id for artifact in artifacts} <= used
            for channel in node.inputs.inputs[key].channels
        ]


def _producers(node: _Node) -> set[str]:
    return {
        channel.producer_node_query.id
        for given in node.inputs.inputs.values()
        for channel in given.channels
    }


def _parameters(execution: mlmd.Execution) -> Parameters:
    values = execution.custom_properties
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in values.items()
        if not name.startswith("__") and value.WhichOneof("value")
    }
