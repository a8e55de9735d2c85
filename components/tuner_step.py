"""TFX's Tuner with one more input: the frozen features."""

from pathlib import Path
from typing import Any

from tfx import v1 as tfx
from tfx.components.tuner import executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.utils import json_utils

from components.artifacts import FrozenFeatures
from trainer.features import FROZEN, TRIALS

_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class TunerExecutor(executor.Executor):
    """Hands the folder of the features on, as `custom_config["features"]`, and keeps the trials."""

    def Do(  # noqa: N802  TFX's own name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Search, and write the best hyperparameters and all trials down."""
        from trainer import search

        properties = with_features(exec_properties, input_dict)
        found: Any = executor.search(input_dict, properties, self._get_tmp_dir())
        executor.write_best_hyperparameters(found, output_dict)
        results = output_dict[standard_component_specs.TUNER_RESULTS_KEY]
        search.write(found, Path(artifact_utils.get_single_uri(results)) / TRIALS)


def with_features(
    exec_properties: dict[str, Any], input_dict: dict[str, list[Artifact]]
) -> dict[str, Any]:
    """The properties of an execution with the folder of its frozen features among them."""
    folder = artifact_utils.get_single_uri(input_dict[FROZEN])
    config = {**json_utils.loads(exec_properties[_CONFIG]), FROZEN: folder}
    return {**exec_properties, _CONFIG: json_utils.dumps(config)}


class TunerSpec(standard_component_specs.TunerSpec):
    """TFX's, with `features`."""

    INPUTS = {  # noqa: RUF012  as in TFX
        **standard_component_specs.TunerSpec.INPUTS,
        FROZEN: component_spec.ChannelParameter(type=FrozenFeatures),
    }


class Tuner(base_component.BaseComponent):
    """Runs the search that `tuner_fn` prepares, on frozen features.

    Outputs: `best_hyperparameters` and `tuner_results`, as TFX's Tuner; `trials.json` beside
    TFX's own results has loss, accuracy and seconds of each trial.
    """

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(TunerExecutor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        features: BaseChannel,
        tuner_fn: str,
        train_args: tfx.proto.TrainArgs,
        eval_args: tfx.proto.EvalArgs,
        custom_config: dict[str, Any],
    ) -> None:
        spec = TunerSpec(
            examples=examples,
            transform_graph=transform_graph,
            features=features,
            tuner_fn=tuner_fn,
            train_args=train_args,
            eval_args=eval_args,
            custom_config=json_utils.dumps(custom_config),
            best_hyperparameters=Channel(type=standard_artifacts.HyperParameters),
            tuner_results=Channel(type=standard_artifacts.TunerResults),
        )
        super().__init__(spec=spec)
