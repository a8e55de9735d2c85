"""The whole product on one screen: from a folder of images to a pushed model."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode

from components import statistics
from components.blessed_model import BlessedModel
from components.data_gate import DataGate
from components.evaluator_step import Evaluator
from components.frozen_features import FrozenFeatures, relevant
from components.image_example_gen import ImageExampleGen
from components.pusher_step import Pusher
from components.serving_gate import ServingGate
from components.trainer_step import Trainer
from components.tuner_step import Tuner
from pipeline.config import Config
from pipeline.judging import Judging
from pipeline.sources import Sources
from pipeline.workdir import WorkDir
from trainer import features, run
from trainer.settings import TrainerSettings

TRAINER_SECTIONS = set(TrainerSettings.model_fields)


def create_pipeline(
    config: Config,
    sources: Sources,
    work_dir: WorkDir,
    *,
    judging: Judging,
    push_request: str,
    until_tuned: bool = False,
    before: Sequence[BaseNode] = (),
    name: str | None = None,
    root: str | None = None,
) -> tfx.dsl.Pipeline:
    """The steps in order, each fed by the ones above it.

    Texts of `sources` and `judging` may be TFX's placeholders for what steps in `before` put out.

    Args:
      config: what is to be done.
      sources: the data, the weights and the code, with their digests.
      work_dir: where everything is written.
      judging: how the data are to be judged.
      push_request: changes when a model must be pushed although nothing else changed.
      until_tuned: leave out all that comes after the Tuner.
      before: steps that come first.
      name: what the pipeline is called; None is the model's name.
      root: the path or URI where artifacts go; None is within the work directory.
    """
    order = Order(config, sources, work_dir, judging, push_request)
    example_gen = _example_gen(order)
    checking = _checking(order, example_gen)
    _, schema_gen, _, data_gate = checking
    learning = _learning(order, example_gen, schema_gen, data_gate, until_tuned=until_tuned)
    releasing = [] if until_tuned else _releasing(order, example_gen, trainer=learning[-1])
    return tfx.dsl.Pipeline(
        pipeline_name=name or config.push.model_name,
        pipeline_root=root or str(work_dir.artifacts),
        components=[*before, example_gen, *checking, *learning, *releasing],
        enable_cache=True,
        metadata_connection_config=_metadata(work_dir),
        beam_pipeline_args=beam_pipeline_args(config),
    )


def _metadata(work_dir: WorkDir) -> metadata_store_pb2.ConnectionConfig:
    # TFX's own function makes the folder. Where a cluster's pipeline is compiled there is none.
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(work_dir.metadata)
    config.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    return config


@dataclass(frozen=True)
class Order:
    """What a pipeline is made from; see `create_pipeline`."""

    config: Config
    sources: Sources
    work_dir: WorkDir
    judging: Judging
    push_request: str

    @property
    def settings(self) -> TrainerSettings:
        """The part of the configuration that learning needs."""
        return TrainerSettings.model_validate(self.config.model_dump(include=TRAINER_SECTIONS))


def _example_gen(order: Order) -> BaseNode:
    return ImageExampleGen(
        data=order.sources.data,
        span=order.sources.span,
        settings=order.config.data.model_dump_json(),
        fingerprint=order.sources.data_digest,
        code=order.sources.code_digest,
        cache_dir=str(order.work_dir.ingested),
    )


def _checking(order: Order, example_gen: BaseNode) -> list[BaseNode]:
    """What judges the data, the DataGate last."""
    judging = order.judging
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
        settings=order.config.gate.model_dump_json(),
        is_curated=judging.schema_file is not None,
        folder=str(order.work_dir.data_gate),
        fingerprint=judging.fingerprint,
        baseline=judging.terms.baseline,
        accept_reason=judging.terms.accept_reason,
    )
    return [statistics_gen, schema_gen, example_validator, data_gate]


def _learning(
    order: Order,
    example_gen: BaseNode,
    schema_gen: BaseNode,
    data_gate: BaseNode,
    *,
    until_tuned: bool,
) -> list[BaseNode]:
    """What makes a model of data that were let through: the Trainer last, or the Tuner."""
    config = order.config
    frozen_features = None
    if config.train.base == "cached":
        frozen_features = _frozen_features(order, example_gen)
        frozen_features.add_upstream_node(data_gate)
    transform = _transform(order, example_gen, schema_gen, needs_pixels=not frozen_features)
    transform.add_upstream_node(data_gate)
    trainer_config = run.custom_config(
        order.settings,
        weights=order.sources.weights,
        weights_sha256=order.sources.weights_sha256,
        code=order.sources.code_digest,
        checkpoints=order.work_dir.checkpoints,
        max_pixels=order.config.data.max_pixels,
    )
    learning = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "features": frozen_features.outputs["frozen"] if frozen_features else None,
        "train_args": tfx.proto.TrainArgs(splits=[features.TRAIN]),
        "eval_args": tfx.proto.EvalArgs(splits=[features.EVAL]),
    }
    steps = [*([frozen_features] if frozen_features else []), transform]
    tuner = None
    if config.tune.enabled:
        tuner = Tuner(
            **learning,
            tuner_fn="trainer.tuning.tuner_fn",
            custom_config={**trainer_config, "tune": config.tune.model_dump(mode="json")},
        )
        steps.append(tuner)
    if until_tuned:
        return steps
    trainer = Trainer(
        **learning,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        run_fn="trainer.run.run_fn",
        custom_config=trainer_config,
    )
    return [*steps, trainer]


def _releasing(order: Order, example_gen: BaseNode, *, trainer: BaseNode) -> list[BaseNode]:
    """What judges a model, and pushes it."""
    config, sources = order.config, order.sources
    terms = order.judging.model
    blessed_model = BlessedModel(
        pointer=str(order.work_dir.blessed(config.push.model_name)),
        fingerprint=terms.fingerprint,
        code=sources.code_digest,
    )
    # It needs nothing, and would run first of all: what a run does should read in order.
    blessed_model.add_upstream_node(trainer)
    evaluator = Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=blessed_model.outputs["model"],
        example_splits=[sources.judged_split],
        settings=config.evaluate.model_dump_json(),
        force_bless=terms.force_bless,
        code=sources.code_digest,
    )
    serving_gate = ServingGate(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        baseline=blessed_model.outputs["model"],
        examples=example_gen.outputs["examples"],
        settings=config.serving_gate.model_dump_json(),
        judged_split=sources.judged_split,
        max_pixels=config.data.max_pixels,
        code=sources.code_digest,
    )
    judging = [blessed_model, evaluator, serving_gate]
    if not (sources.is_trained or config.push.untrained):
        return judging
    return [*judging, _pusher(order, trainer, evaluator, serving_gate)]


def _transform(
    order: Order, example_gen: BaseNode, schema_gen: BaseNode, *, needs_pixels: bool
) -> BaseNode:
    return tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="trainer.preprocessing.preprocessing_fn",
        # Where features are frozen, nobody needs pixels.
        custom_config={
            "size": order.config.image.size if needs_pixels else None,
            "code": order.sources.code_digest,
        },
        # Statistics of pixels cost more than the pixels themselves and tell nothing.
        disable_statistics=True,
    )


def _frozen_features(order: Order, example_gen: BaseNode) -> BaseNode:
    config, sources = order.config, order.sources
    return FrozenFeatures(
        examples=example_gen.outputs["examples"],
        settings=relevant(
            order.settings, keep=config.features.keep, is_random=not sources.is_trained
        ).model_dump_json(),
        keeping=config.features.model_dump_json(),
        weights=str(sources.weights or ""),
        weights_sha256=sources.weights_sha256,
        code=sources.code_digest,
        store=str(order.work_dir.features),
    )


def _pusher(
    order: Order, trainer: BaseNode, evaluator: BaseNode, serving_gate: BaseNode
) -> BaseNode:
    model_name = order.config.push.model_name
    return Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_gate.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(order.work_dir.serving / model_name)
            )
        ),
        custom_config={
            "push_request": order.push_request,
            "keep_versions": order.config.push.keep_versions,
            "pointer": str(order.work_dir.blessed(model_name)),
            "terms": "",
        },
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
