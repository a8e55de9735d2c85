"""TFX's Trainer with one more input: the frozen features."""

from typing import Any

from tfx import v1 as tfx
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.utils import json_utils

from components.artifacts import FrozenFeatures
from trainer.features import FROZEN


class TrainerExecutor(GenericExecutor):
    """Hands the folder of the features on, as `custom_config["features"]`."""

    def _GetFnArgs(  # noqa: N802  TFX's own name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> Any:
        arguments = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        for frozen in input_dict.get(FROZEN, ()):
            arguments.custom_config[FROZEN] = frozen.uri
        return arguments


class TrainerSpec(standard_component_specs.TrainerSpec):
    """TFX's, with `features`."""

    INPUTS = {  # noqa: RUF012  as in TFX
        **standard_component_specs.TrainerSpec.INPUTS,
        FROZEN: component_spec.ChannelParameter(type=FrozenFeatures, optional=True),
    }


class Trainer(base_component.BaseComponent):
    """Runs `run_fn` on transformed examples, and on frozen features where there are any, with the
    best hyperparameters of a Tuner where there is one.

    Outputs: `model` and `model_run`, as TFX's Trainer.
    """

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(TrainerExecutor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        features: BaseChannel | None,
        hyperparameters: BaseChannel | None,
        run_fn: str,
        train_args: tfx.proto.TrainArgs,
        eval_args: tfx.proto.EvalArgs,
        custom_config: dict[str, Any],
    ) -> None:
        spec = TrainerSpec(
            examples=examples,
            transform_graph=transform_graph,
            features=features,
            hyperparameters=hyperparameters,
            run_fn=run_fn,
            train_args=train_args,
            eval_args=eval_args,
            custom_config=json_utils.dumps(custom_config),
            model=Channel(type=standard_artifacts.Model),
            model_run=Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)
