"""KerasTuner's search, with trials on frozen features that survive an interruption."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner

from trainer import search_space, trial
from trainer.errors import FrostlineError
from trainer.progress import Progress, report
from trainer.search_space import Choice, Dimension, Value
from trainer.settings import TrainerSettings
from trainer.trial import Material, Outcome
from trainer.tune_settings import TuneSettings


@dataclass(frozen=True)
class Trial:
    """A trial that has ended. `number` counts from 1, in the order in which they were drawn."""

    number: int
    values: Mapping[str, Value]
    outcome: Outcome


class TunerFnResult(NamedTuple):
    """What a `tuner_fn` returns: TFX asks for these names, and the trainer knows no TFX."""

    tuner: keras_tuner.engine.base_tuner.BaseTuner
    fit_kwargs: dict[str, Any]


class _FirstAsItIs:
    """An oracle whose first trial has the default of every hyperparameter."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the next trial."""
        oracle: Any = self
        if oracle.trials:
            return super().populate_space(trial_id)  # pyright: ignore[reportAttributeAccessIssue]
        values = {each.name: each.default for each in oracle.hyperparameters.space}
        return {"status": "RUNNING", "values": values}


class RandomOracle(_FirstAsItIs, keras_tuner.oracles.RandomSearchOracle):
    """Draws every value by chance."""


class BayesianOracle(_FirstAsItIs, keras_tuner.oracles.BayesianOptimizationOracle):
    """Draws a third by chance, and then where a Gaussian process promises most."""


class Search(keras_tuner.engine.base_tuner.BaseTuner):
    """KerasTuner's tuner. What `run_trial` finds is kept, and not trained twice.

    A search that was killed is drawn again from its seed, so that it has the same trials as one
    that was not; those that had ended are read.

    Args:
      settings: those that the values of a trial are set in.
      tune: algorithm, objective, trials and seed.
      space: what is searched.
      material: what trials are trained and judged on.
      kept: folder for the outcomes of these settings and images.
      scratch: folder for KerasTuner's own state.
    """

    def __init__(
        self,
        *,
        settings: TrainerSettings,
        tune: TuneSettings,
        space: Sequence[Dimension],
        material: Material,
        kept: Path,
        scratch: Path,
    ) -> None:
        self.settings = settings
        self.tune = tune
        self.material = material
        self.kept = kept
        self.ended: list[Trial] = []
        super().__init__(oracle=oracle(tune, space), directory=str(scratch), overwrite=True)

    def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
        """Train and judge, or read how it went: the metrics of the best epoch."""
        values = dict(trial.hyperparameters.values)
        self._tell()
        try:
            outcome = self._outcome(values)
        except FrostlineError as error:
            # KerasTuner takes any other error for a trial that went badly, and tries the next.
            raise keras_tuner.errors.FatalError(str(error)) from error
        self.ended.append(Trial(len(self.ended) + 1, values, outcome))
        self._tell()
        return {"val_loss": outcome.val_loss, "val_accuracy": outcome.val_accuracy}

    def ranked(self) -> list[Trial]:
        """The trials that have ended, the best first; of equals, the one that was drawn first."""
        sign = -1 if self.tune.objective == "val_accuracy" else 1
        return sorted(
            self.ended, key=lambda each: sign * getattr(each.outcome, self.tune.objective)
        )

    def _outcome(self, values: Mapping[str, Value]) -> Outcome:
        name = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
        path = self.kept / f"{name}.json"
        if path.exists():
            return Outcome(**json.loads(path.read_text()))
        settings = search_space.with_hyperparameters(self.settings, values)
        outcome = trial.run(settings, self.material)
        self.kept.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(outcome)))
        unfinished.replace(path)
        return outcome

    def _tell(self) -> None:
        ranked = self.ranked()
        best = getattr(ranked[0].outcome, self.tune.objective) if ranked else None
        remark = "" if best is None else f"best {self.tune.objective} {best:.4g}"
        report(Progress(len(self.ended), self.tune.trials, "trials", remark))


def oracle(tune: TuneSettings, space: Sequence[Dimension]) -> keras_tuner.Oracle:
    """What draws the trials. The first has the settings as they are."""
    common = {
        "objective": keras_tuner.Objective(
            tune.objective, "max" if tune.objective == "val_accuracy" else "min"
        ),
        "max_trials": tune.trials,
        "seed": tune.seed,
        "hyperparameters": _hyperparameters(space),
        "allow_new_entries": False,
        "tune_new_entries": False,
    }
    if tune.algorithm == "random":
        return RandomOracle(**common)
    return BayesianOracle(num_initial_points=max(3, tune.trials // 3), **common)


def write(search: Search, path: Path) -> None:
    """Write the trials as JSON, the best first: `objective`, and `trials`, an object each."""
    trials = [
        {"number": each.number, "values": each.values, **asdict(each.outcome)}
        for each in search.ranked()
    ]
    path.write_text(json.dumps({"objective": search.tune.objective, "trials": trials}, indent=2))


def _hyperparameters(space: Sequence[Dimension]) -> keras_tuner.HyperParameters:
    found = keras_tuner.HyperParameters()
    for each in space:
        if isinstance(each, Choice):
            found.Choice(each.name, list(each.values), default=each.first)
        else:
            found.Float(each.name, each.low, each.high, sampling="log", default=each.first)
    return found
