"""The views of an image: which there are, what they look like, and what makes them others."""

import numpy as np
import pytest

from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph


def settings(*, views=2, mirror=True, seed=1, **augment):
    return TrainerSettings.model_validate(
        {
            "augment": {"enabled": views > 0, "views": views, **augment},
            "train": {"mirror": mirror, "seed": seed},
        }
    )


def names(**options):
    from trainer import views

    return [view.name for view in views.of_training(settings(**options))]


@pytest.fixture(scope="module")
def looked():
    """An image, and its four views."""
    import tensorflow as tf

    from trainer import views

    chosen = settings()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    all_views = views.of_training(chosen)
    kinds = tf.constant([view.kind for view in all_views], tf.int64)
    seeds = tf.constant([view.seed("digest") for view in all_views], tf.int64)
    return pixels, views.look(tf.constant(pixels), kinds, seeds, chosen.augment).numpy()


def test_image_is_seen_as_it_is_mirrored_and_changed():
    assert names()[:2] == ["plain", "mirror"]
    assert len(set(names())) == 4
    assert names(mirror=False, views=0) == ["plain"]


def test_fewer_views_are_the_first_of_more():
    assert names(views=5)[:4] == names(views=2)


@pytest.mark.parametrize("change", [{"seed": 2}, {"zoom": 0.1}, {"horizontal_flip": False}])
def test_changed_views_have_other_names_where_they_are_drawn_otherwise(change):
    assert not set(names(**change)[2:]) & set(names()[2:])
    assert names(**change)[:2] == names()[:2]


def test_views_look_as_their_names_say(looked):
    pixels, (plain, mirror, first, second) = looked
    assert np.array_equal(plain, pixels)
    assert np.array_equal(mirror, pixels[:, ::-1])
    assert not np.array_equal(first, plain)
    assert not np.array_equal(first, second)


def test_each_image_is_changed_in_its_own_way():
    from trainer import views

    view = views.of_training(settings())[-1]
    assert view.seed("one") != view.seed("other")
    assert view.seed("one") == view.seed("one")


def test_key_names_image_and_view():
    from trainer import views

    assert views.key("abc", views.PLAIN) == "abc/plain"


def test_validation_image_is_seen_from_both_sides_where_both_are_scored():
    from trainer import views

    def seen(**model):
        chosen = TrainerSettings.model_validate({"model": model})
        return [view.name for view in views.of_evaluation(chosen)]

    assert seen() == ["plain"]
    assert seen(both_sides=True) == ["plain", "mirror"]


def test_both_sides_are_trained_on_where_both_are_scored():
    from trainer import views

    chosen = TrainerSettings.model_validate(
        {"model": {"both_sides": True}, "train": {"mirror": False}}
    )
    assert [view.name for view in views.of_training(chosen)] == ["plain", "mirror"]
