"""FrozenFeatures: the base below the frost line, run once for each image and view.

It runs in no Beam pipeline: Beam's batches grow until an accelerator's memory is full.
"""

from pathlib import Path

from tfx import v1 as tfx
from tfx.types import artifact_utils, standard_artifacts

from components import artifacts
from components.settings import FeatureSettings
from trainer import features, freezing, network, precision, views
from trainer.frozen_forward import MAP, POOLED
from trainer.settings import AugmentSettings, ModelSettings, TrainerSettings, TrainSettings


def relevant(settings: TrainerSettings, *, keep: str, is_random: bool) -> TrainerSettings:
    """The settings with all that changes no feature as in the defaults.

    Args:
      settings: those of a run.
      keep: `features.keep`.
      is_random: whether the base has random weights, which are drawn from the seed.
    """
    model, train = settings.model, settings.train
    has_random = is_random or any(view.is_augmented for view in views.of_training(settings))
    return TrainerSettings(
        image=settings.image,
        model=ModelSettings(
            cut=model.cut,
            thaw_from=model.thaw_from,
            precision=model.precision,
            head="pooled" if keep == "all" else model.head,
            both_sides=model.both_sides,
        ),
        augment=settings.augment if settings.augment.enabled else AugmentSettings(),
        train=TrainSettings(
            base=train.base, mirror=train.mirror, seed=train.seed if has_random else 0
        ),
    )


def freeze(
    examples: standard_artifacts.Examples,
    settings: TrainerSettings,
    *,
    keeping: FeatureSettings,
    weights: Path | None,
    weights_sha256: str,
    store: Path,
    folder: Path,
) -> None:
    """Put the features of some Examples together; see `trainer.freezing.freeze`."""
    arrays = (POOLED, MAP) if keeping.keep == "all" else network.arrays_read(settings)
    task = freezing.Task(
        settings=settings,
        train_files=_files(examples, features.TRAIN),
        eval_files=_files(examples, features.EVAL),
        weights=weights,
        weights_sha256=weights_sha256,
        precision=precision.choose(settings.model.precision),
        store=store,
        arrays=arrays,
        max_gigabytes=keeping.max_gigabytes,
    )
    freezing.freeze(task, folder)


def _files(examples: standard_artifacts.Examples, split: str) -> list[str]:
    folder = Path(artifact_utils.get_split_uri([examples], split))
    return sorted(str(path) for path in folder.iterdir())


@tfx.dsl.components.component
def FrozenFeatures(  # noqa: N802  a component is named like a class
    frozen: tfx.dsl.components.OutputArtifact[artifacts.FrozenFeatures],
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    settings: tfx.dsl.components.Parameter[str],
    keeping: tfx.dsl.components.Parameter[str],
    weights: tfx.dsl.components.Parameter[str],
    weights_sha256: tfx.dsl.components.Parameter[str],
    code: tfx.dsl.components.Parameter[str],
    store: tfx.dsl.components.Parameter[str],
) -> None:
    """Run the frozen base once for each image and view, where no earlier run has.

    Args:
      frozen: gets a `trainer.feature_set`.
      examples: raw Examples with splits `train` and `eval`.
      settings: JSON of what `relevant` leaves of a `TrainerSettings`.
      keeping: JSON of a `FeatureSettings`.
      weights: the file of the pretrained weights; empty for a random base.
      weights_sha256: its digest.
      code: changes with the code.
      store: a folder that keeps features from run to run.

    Raises:
      ConfigError: the features take more room than they may.
      WorkDirError: they take more room than there is.
    """
    del code  # Part of the cache key only.
    freeze(
        examples,
        TrainerSettings.model_validate_json(settings),
        keeping=FeatureSettings.model_validate_json(keeping),
        weights=Path(weights) if weights else None,
        weights_sha256=weights_sha256,
        store=Path(store),
        folder=Path(frozen.uri),
    )
