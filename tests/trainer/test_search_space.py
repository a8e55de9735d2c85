"""What a search looks through: all that needs no new forward, and nothing that could not be."""

from typing import Any

import pytest

from trainer import search_space
from trainer.errors import ConfigError
from trainer.search_space import Choice, Range
from trainer.settings import TrainerSettings
from trainer.tune_settings import TuneSettings

POOLED = {"model": {"cut": "mixed8"}}
VIEWS = {"augment": {"enabled": True, "views": 8}}


def space(settings=POOLED, *, is_random=False, **tune) -> dict[str, Any]:
    chosen = TrainerSettings.model_validate(settings)
    found = search_space.of(chosen, TuneSettings.model_validate(tune), is_random=is_random)
    return {each.name: each for each in found}


def refusal(settings=POOLED, **options):
    with pytest.raises(ConfigError) as error:
        space(settings, **options)
    return str(error.value)


def test_pooled_head_is_searched_around_its_settings():
    found = space({"model": {"cut": "mixed8", "l2": 0.2}, "train": {"learning_rate": 0.01}})
    assert found["model.cut"] == Choice("model.cut", ("mixed6", "mixed7", "mixed8"), "mixed8")
    assert found["model.pooled_blocks"] == Choice("model.pooled_blocks", (1, 2, 3, 4), 2)
    assert isinstance(found["model.l2"], Range)
    assert (found["model.l2"].low, found["model.l2"].high) == pytest.approx((0.02, 2.0))
    rate = found["train.learning_rate"]
    assert (rate.low, rate.high, rate.first) == pytest.approx((0.001, 0.1, 0.01))


def test_flatten_head_stays_at_its_cut_and_varies_its_hidden_layer():
    found = space({"model": {"cut": "mixed7", "head": "flatten", "dense_units": 64}})
    assert not {"model.cut", "model.pooled_blocks"} & set(found)
    assert found["model.dense_units"] == Choice("model.dense_units", (32, 64, 128), 64)


def test_no_more_blocks_are_pooled_than_lie_below_the_lowest_cut():
    found = space({"model": {"cut": "mixed2", "pooled_blocks": 1}})
    assert found["model.cut"] == Choice("model.cut", ("mixed0", "mixed1", "mixed2"), "mixed2")
    assert "model.pooled_blocks" not in found


def test_fewer_views_are_searched_where_there_are_some():
    assert space(VIEWS)["augment.views"] == Choice("augment.views", (1, 2, 8), 8)
    assert "augment.views" not in space()


def test_random_base_keeps_its_cut():
    assert "model.cut" not in space(is_random=True)
    assert "random weights" in refusal(is_random=True, cut=["mixed7"])


def test_list_of_one_value_fixes_it():
    assert space(dropout=[0.3])["model.dropout"] == Choice("model.dropout", (0.3,), 0.3)
    assert "model.dropout" not in space(dropout=[0.0])


def test_range_without_room_is_a_value():
    found = space(learning_rate=[0.01, 0.01])["train.learning_rate"]
    assert found == Choice("train.learning_rate", (0.01,), 0.01)


def test_first_trial_is_as_near_the_settings_as_the_space_comes():
    found = space({"model": {"l2": 0.0}}, dropout=[0.4, 0.5], learning_rate=[0.1, 1.0])
    assert found["model.dropout"].first == 0.4
    assert found["train.learning_rate"].first == 0.1
    assert found["model.l2"].first == found["model.l2"].low > 0


@pytest.mark.parametrize(
    ("settings", "tune", "said"),
    [
        (POOLED, {"cut": ["mixed9"]}, "tune.cut = mixed9: no features of it are computed"),
        (POOLED, {"cut": ["mixed7a"]}, "tune.cut = mixed7a"),
        (POOLED, {"head": ["flatten"], "cut": ["mixed7"]}, "fed the map at model.cut = mixed8"),
        (POOLED, {"views": [4]}, "there are augment.views = 0"),
        (VIEWS, {"views": [9]}, "there are augment.views = 8"),
        (POOLED, {"pooled_blocks": [12]}, "tune.pooled_blocks: model.pooled_blocks = 12"),
        ({"train": {"base": "live"}}, {}, "--set train.base=cached"),
        ({"model": {"thaw_from": "mixed7"}}, {}, "--set model.thaw_from=none"),
    ],
)
def test_what_no_trial_could_be_is_refused(settings, tune, said):
    assert said in refusal(settings, **tune)


def test_space_without_a_choice_is_refused():
    fixed = {
        "cut": ["mixed8"],
        "pooled_blocks": [2],
        "dropout": [0.0],
        "l2": [0.1, 0.1],
        "learning_rate": [0.003, 0.003],
    }
    assert "one value of everything" in refusal(**fixed)


def test_values_are_set_and_all_else_stays():
    settings = TrainerSettings.model_validate(VIEWS)
    changed = search_space.with_hyperparameters(
        settings, {"model.cut": "mixed7", "augment.views": 2, "train.learning_rate": 0.5}
    )
    assert (changed.model.cut, changed.augment.views) == ("mixed7", 2)
    assert changed.train == settings.train.model_copy(update={"learning_rate": 0.5})
    assert changed.image == settings.image


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model.drop": 0.1}, "model.drop: no such setting. Accepted: model.head, model.cut"),
        ({"dropout": 0.1}, "dropout: no such setting"),
        ({"model.dropout": 1.5}, "model.dropout = 1.5: Input should be less than 1"),
        ({"augment.enabled": True}, "augment.enabled = True: augment.enabled with a cached base"),
    ],
)
def test_value_that_cannot_be_is_an_error(values, said):
    with pytest.raises(ConfigError) as error:
        search_space.with_hyperparameters(TrainerSettings(), values)
    assert said in str(error.value)
