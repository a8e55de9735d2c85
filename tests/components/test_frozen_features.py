"""What the FrozenFeatures step is keyed by: all that changes a feature, and nothing else."""

import pytest

from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

VIEWS = {"augment": {"enabled": True, "views": 2}}


@pytest.fixture(scope="module")
def relevant():
    from components.frozen_features import relevant

    def of(sections=None, *, keep="all", is_random=False):
        settings = TrainerSettings.model_validate(sections or {})
        return relevant(settings, keep=keep, is_random=is_random)

    return of


@pytest.mark.parametrize(
    "sections",
    [
        {"image": {"size": 150}},
        {"image": {"scaling": "zero_to_one"}},
        {"model": {"cut": "mixed7"}},
        {"model": {"thaw_from": "mixed7"}},
        {"model": {"precision": "float32"}},
        {"model": {"both_sides": True}},
        {"train": {"mirror": not TrainerSettings().train.mirror}},
        VIEWS,
    ],
)
def test_what_changes_features_changes_the_key(relevant, sections):
    assert relevant(sections) != relevant()


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"head": "flatten", "dense_units": 8}},
        {"model": {"dropout": 0.5}},
        {"train": {"epochs": 1, "batch_size": 3, "optimizer": "sgd", "learning_rate": 0.1}},
        {"train": {"seed": 7}},
        {"augment": {"zoom": 0.5}},
    ],
)
def test_what_changes_the_head_or_its_training_only_does_not(relevant, sections):
    assert relevant(sections) == relevant()


def test_seed_matters_where_something_is_drawn_from_it(relevant):
    seeded = {"train": {"seed": 7}}
    assert relevant(VIEWS | seeded) != relevant(VIEWS)
    assert relevant(seeded, is_random=True) != relevant(is_random=True)


def test_head_matters_where_nothing_but_what_it_reads_is_kept(relevant):
    flatten = {"model": {"head": "flatten"}}
    assert relevant(flatten, keep="head") != relevant(keep="head")


def test_settings_are_kept_as_they_are_where_the_base_runs_live(relevant):
    live = {"train": {"base": "live"}, "augment": {"enabled": True}}
    assert relevant(live).train.base == "live"
