"""The whole product on one screen: from a folder of images to a pushed model."""

import json
from collections.abc import Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration import metadata

from components import statistics
from components.data_gate import DataGate
from components.frozen_features import FrozenFeatures, relevant
from components.image_example_gen import ImageExampleGen
from components.trainer_step import Trainer
from components.tuner_step import Tuner
from pipeline.config import METRICS, Bound, Config, Metric
from pipeline.judging import Judging
from pipeline.sources import Sources
from pipeline.workdir import WorkDir
from trainer import features, run
from trainer.settings import TrainerSettings

SLICED_BY = (
    features.LABEL,
    features.FORMAT,
    features.BRIGHTNESS_BUCKET,
    features.SHARPNESS_BUCKET,
    features.SIZE_BUCKET,
)
TRAINER_SECTIONS = set(TrainerSettings.model_fields)
_OURS = "components.served_metrics"
# Class and module of each metric; TFMA finds its own and Keras' without a module.
_METRIC_CLASSES: Mapping[Metric, tuple[str, str]] = {
    "accuracy": ("ServedAccuracy", _OURS),
    "log_loss": ("SparseCategoricalCrossentropy", ""),
    "expected_calibration_error": ("ExpectedCalibrationError", _OURS),
}


def create_pipeline(
    config: Config,
    sources: Sources,
    work_dir: WorkDir,
    *,
    judging: Judging,
    push_request: str,
    until_tuned: bool = False,
) -> tfx.dsl.Pipeline:
    """The steps in order, each fed by the ones above it.

    Args:
      config: what is to be done.
      sources: the data, the weights and the code, with their digests.
      work_dir: where everything is written.
      judging: how the data are to be judged.
      push_request: changes when a model must be pushed although nothing else changed.
      until_tuned: leave out all that comes after the Tuner.
    """
    example_gen = ImageExampleGen(
        data=sources.data,
        span=sources.span,
        settings=config.data.model_dump_json(),
        fingerprint=sources.data_digest,
        code=sources.code_digest,
        cache_dir=str(work_dir.ingested),
    )
    statistics_gen = tfx.components.StatisticsGen(
        examples=example_gen.outputs["examples"], stats_options=statistics.options()
    )
    if judging.schema_file:
        schema_gen = tfx.components.ImportSchemaGen(schema_file=str(judging.schema_file))
    else:
        schema_gen = tfx.components.SchemaGen(
            statistics=statistics_gen.outputs["statistics"], infer_feature_shape=True
        )
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    data_gate = DataGate(
        examples=example_gen.outputs["examples"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        anomalies=example_validator.outputs["anomalies"],
        quarantined=example_gen.outputs["quarantined"],
        settings=config.gate.model_dump_json(),
        is_curated=judging.schema_file is not None,
        folder=str(work_dir.data_gate),
        fingerprint=judging.fingerprint,
        baseline=judging.terms.baseline,
        accept_reason=judging.terms.accept_reason,
    )
    settings = TrainerSettings.model_validate(config.model_dump(include=TRAINER_SECTIONS))
    frozen_features = None
    if config.train.base == "cached":
        frozen_features = _frozen_features(config, settings, sources, work_dir, example_gen)
        frozen_features.add_upstream_node(data_gate)
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="trainer.preprocessing.preprocessing_fn",
        # Where features are frozen, nobody needs pixels.
        custom_config={
            "size": None if frozen_features else config.image.size,
            "code": sources.code_digest,
        },
        # Statistics of pixels cost more than the pixels themselves and tell nothing.
        disable_statistics=True,
    )
    transform.add_upstream_node(data_gate)
    trainer_config = run.custom_config(
        settings,
        weights=sources.weights,
        weights_sha256=sources.weights_sha256,
        code=sources.code_digest,
        checkpoints=work_dir.checkpoints,
    )
    learning = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "features": frozen_features.outputs["frozen"] if frozen_features else None,
        "train_args": tfx.proto.TrainArgs(splits=[features.TRAIN]),
        "eval_args": tfx.proto.EvalArgs(splits=[features.EVAL]),
    }
    tuner = None
    if config.tune.enabled:
        tuner = Tuner(
            **learning,
            tuner_fn="trainer.tuning.tuner_fn",
            custom_config={**trainer_config, "tune": config.tune.model_dump(mode="json")},
        )
    trainer = Trainer(
        **learning,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        run_fn="trainer.run.run_fn",
        custom_config=trainer_config,
    )
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        eval_config=eval_config(config),
        example_splits=[sources.judged_split],
    )
    steps = [example_gen, statistics_gen, schema_gen, example_validator, data_gate]
    steps += [*([frozen_features] if frozen_features else []), transform]
    steps += [tuner] if tuner else []
    steps += [] if until_tuned else [trainer, evaluator]
    if not until_tuned and (sources.is_trained or config.push.untrained):
        steps.append(_pusher(config, work_dir, trainer, evaluator, push_request))
    return tfx.dsl.Pipeline(
        pipeline_name=config.push.model_name,
        pipeline_root=str(work_dir.artifacts),
        components=steps,
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(work_dir.metadata)
        ),
        beam_pipeline_args=beam_pipeline_args(config),
    )


def _frozen_features(
    config: Config,
    settings: TrainerSettings,
    sources: Sources,
    work_dir: WorkDir,
    example_gen: BaseNode,
) -> BaseNode:
    return FrozenFeatures(
        examples=example_gen.outputs["examples"],
        settings=relevant(
            settings, keep=config.features.keep, is_random=not sources.is_trained
        ).model_dump_json(),
        keeping=config.features.model_dump_json(),
        weights=str(sources.weights or ""),
        weights_sha256=sources.weights_sha256,
        code=sources.code_digest,
        store=str(work_dir.features),
    )


def _pusher(
    config: Config, work_dir: WorkDir, trainer: BaseNode, evaluator: BaseNode, push_request: str
) -> BaseNode:
    return tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(work_dir.serving / config.push.model_name)
            )
        ),
        custom_config={"push_request": push_request},
    )


def eval_config(config: Config) -> tfma.EvalConfig:
    """What TFMA computes of the served signature, and what blesses a model."""
    metrics = [_metric_config(config, metric) for metric in METRICS]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=features.EXAMPLES_SIGNATURE,
                label_key=features.LABEL,
                prediction_key=features.OUTPUT_SCORES,
            )
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[name]) for name in SLICED_BY),
        ],
        metrics_specs=[
            tfma.MetricsSpec(metrics=[*metrics, tfma.MetricConfig(class_name="ExampleCount")])
        ],
    )


def _metric_config(config: Config, metric: Metric) -> tfma.MetricConfig:
    bound = config.evaluate.thresholds.get(metric)
    class_name, module = _METRIC_CLASSES[metric]
    return tfma.MetricConfig(
        class_name=class_name,
        module=module,
        config=json.dumps({"name": metric}),
        per_slice_thresholds=[] if bound is None else [_overall(bound)],
    )


def _overall(bound: Bound) -> config_pb2.PerSliceMetricThreshold:
    """A bound on the whole split: TFMA's plain threshold would bind every class, too."""
    limits = {"lower_bound": bound.min, "upper_bound": bound.max}
    wrapped = {name: {"value": value} for name, value in limits.items() if value is not None}
    return config_pb2.PerSliceMetricThreshold(
        slicing_specs=[tfma.SlicingSpec()],
        threshold=tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(**wrapped)),
    )


def beam_pipeline_args(config: Config) -> list[str]:
    """Beam's runner, by name: the default one would try to download another from the network."""
    in_process = [
        "--runner=FnApiRunner",
        # TFX packs itself up for remote workers at every step, unless some package is named.
        "--sdk_container_image=none-is-needed-in-process",
    ]
    if config.beam.runner == "in_process":
        return in_process
    return [
        *in_process,
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={config.beam.workers}",
    ]
