"""KerasTuner's search: drawn from its seed, begun with what is set, kept through interruptions."""

import json

import pytest

from trainer import search, search_space, trial
from trainer.errors import WorkDirError
from trainer.settings import TrainerSettings
from trainer.trial import Outcome
from trainer.tune_settings import TuneSettings

pytestmark = pytest.mark.graph

SETTINGS = TrainerSettings.model_validate(
    {
        "model": {"cut": "mixed1", "pooled_blocks": 1, "l2": 0.01, "dropout": 0.2},
        "train": {"epochs": 3, "batch_size": 16, "learning_rate": 0.05},
    }
)


@pytest.fixture
def searched(two_blocks, tmp_path):
    """Searches, with outcomes kept in one place, and answers the search."""
    material = two_blocks(telling="mixed0")

    def run(*, kept="kept", **tune):
        chosen = TuneSettings.model_validate({"trials": 3, **tune})
        found = search.Search(
            settings=SETTINGS,
            tune=chosen,
            space=search_space.of(SETTINGS, chosen, is_random=False),
            material=material,
            kept=tmp_path / kept,
            scratch=tmp_path / "scratch",
        )
        found.search(verbose=0)
        return found

    return run


@pytest.fixture
def pretended(monkeypatch):
    """Trials that take no time: the nearer a learning rate is to 0.1, the better. Counts them."""
    ran = []

    def run(settings, material):
        ran.append(settings)
        loss = abs(settings.train.learning_rate - 0.1)
        return Outcome(val_loss=loss, val_accuracy=0.5, epoch=1, seconds=0.1)

    monkeypatch.setattr(trial, "run", run)
    return ran


def drawn(found):
    return [each.values for each in found.ended]


def test_real_trials_find_the_cut_that_tells_the_classes_apart(searched):
    found = searched(cut=["mixed0", "mixed1"], pooled_blocks=[1], objective="val_accuracy")
    best, *_, worst = found.ranked()
    assert best.values["model.cut"] == "mixed0"
    assert best.outcome.val_accuracy > worst.outcome.val_accuracy
    [values] = [each.values for each in found.get_best_hyperparameters()]
    assert values == best.values


def test_first_trial_has_the_settings_as_they_are(searched, pretended):
    searched()
    assert pretended[0] == SETTINGS
    assert pretended[1] != SETTINGS


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_same_seed_draws_the_same_trials_and_another_draws_others(searched, pretended, algorithm):
    one = searched(algorithm=algorithm, trials=4)
    assert len({json.dumps(values) for values in drawn(one)}) == 4
    assert drawn(searched(algorithm=algorithm, trials=4, kept="again")) == drawn(one)
    assert drawn(searched(algorithm=algorithm, trials=4, seed=2)) != drawn(one)


def test_ranges_are_kept_to(searched, pretended):
    searched(trials=8, learning_rate=[0.02, 0.2], dropout=[0.1, 0.3])
    assert all(0.02 <= each.train.learning_rate <= 0.2 for each in pretended)
    assert {each.model.dropout for each in pretended} == {0.1, 0.3}


def test_small_rates_are_tried_as_often_as_large_ones(searched, pretended):
    searched(trials=9, learning_rate=[1e-6, 1.0])
    rates = [each.train.learning_rate for each in pretended[1:]]
    assert 2 <= sum(rate < 1e-3 for rate in rates) <= 6


def test_killed_search_goes_on_with_the_trials_that_it_would_have_had(
    searched, pretended, monkeypatch
):
    whole = drawn(searched(kept="whole"))
    quick, ran = trial.run, []

    def killed_in_the_third(settings, material):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(settings)
        return quick(settings, material)

    monkeypatch.setattr(trial, "run", killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        searched()
    monkeypatch.setattr(trial, "run", quick)
    pretended.clear()
    assert drawn(searched()) == whole
    assert len(pretended) == 1


def test_longer_search_reads_the_trials_of_a_shorter_one(searched, pretended):
    shorter = drawn(searched(trials=3))
    pretended.clear()
    assert drawn(searched(trials=5))[:3] == shorter
    assert len(pretended) == 2


def test_trials_are_written_best_first(searched, pretended, tmp_path):
    found = searched(trials=4)
    search.write(found, tmp_path / "trials.json")
    written = json.loads((tmp_path / "trials.json").read_text())
    assert written["objective"] == "val_loss"
    losses = [each["val_loss"] for each in written["trials"]]
    assert losses == sorted(losses)
    assert {each["number"] for each in written["trials"]} == {1, 2, 3, 4}
    assert written["trials"][0]["values"] == found.get_best_hyperparameters()[0].values


def test_what_a_person_can_mend_ends_the_search(searched, monkeypatch):
    tried = []

    def damaged(settings, material):
        tried.append(settings)
        raise WorkDirError("the features are damaged")

    monkeypatch.setattr(trial, "run", damaged)
    with pytest.raises(Exception, match="the features are damaged"):
        searched()
    assert len(tried) == 1


def test_progress_tells_trials_and_the_best_so_far(searched, pretended, caplog):
    with caplog.at_level("INFO", logger="frostline.progress"):
        found = searched()
    told = [record.__dict__["progress"] for record in caplog.records if "progress" in vars(record)]
    assert (told[0].done, told[0].remark) == (0, "")
    best = found.ranked()[0].outcome.val_loss
    last = told[-1]
    assert (last.done, last.total, last.unit) == (3, 3, "trials")
    assert last.remark == f"best val_loss {best:.4g}"
