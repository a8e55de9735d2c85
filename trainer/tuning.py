"""The adapter between TFX's Tuner and a search. TFX reloads it, so it holds functions only."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer import dataset, feature_set, features, holdout, run, search_space
from trainer.holdout import Labelled
from trainer.search import Search, TunerFnResult
from trainer.settings import TrainerSettings
from trainer.trial import Material
from trainer.tune_settings import TuneSettings

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs


def tuner_fn(fn_args: "FnArgs") -> TunerFnResult:
    """Prepare a search; TFX's Tuner calls this, and then searches.

    Trials are judged on a part of the training split that they are not trained on, chosen by
    digest. The split `eval` has no say: it is what calibrates the model and chooses its epoch,
    and what the Evaluator judges where there is no split `test`.

    Args:
      fn_args: the files to train on, the transform graph, a folder to work in, and as
        `custom_config` what `run.custom_config` makes, with a `TuneSettings` as `tune` and the
        folder of the frozen features as `features`.

    Raises:
      ConfigError: the space has values that these settings could not have.
      DataError: there are too few images to hold some out.
      WorkDirError: the features are damaged.
    """
    config = fn_args.custom_config
    settings = TrainerSettings.model_validate(config["settings"])
    tune = TuneSettings.model_validate(config["tune"])
    material = _material(fn_args, tune)
    tuner = Search(
        settings=settings,
        tune=tune,
        space=search_space.of(settings, tune, is_random=config["weights"] is None),
        material=material,
        kept=Path(config["checkpoints"]) / f"tuning-{_key(config, tune, material)}",
        scratch=Path(str(fn_args.working_dir)),
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={"verbose": 0})


def _material(fn_args: "FnArgs", tune: TuneSettings) -> Material:
    names = run.class_names(str(fn_args.transform_graph_path))
    files = run.matching(fn_args.train_files)
    images = Labelled(*dataset.read_labels(files, labels=names))
    train, held_out = holdout.split(images, tune.holdout)
    return Material(
        features=feature_set.read(Path(fn_args.custom_config[features.FROZEN])),
        train=train,
        held_out=held_out,
        class_count=len(names),
    )


def _key(config: dict[str, Any], tune: TuneSettings, material: Material) -> str:
    """Changes with all that decides an outcome beside the values of its trial."""
    decides = {name: config[name] for name in ("settings", "weights_sha256", "code")}
    images = [(part.digests, part.labels) for part in (material.train, material.held_out)]
    text = json.dumps([decides, tune.holdout, images], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
