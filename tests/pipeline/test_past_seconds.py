"""How long a step would take is told by past runs, and not told where there is none."""

import pytest

from pipeline import past_seconds
from pipeline.run_summaries import PastRun


def run(name, *, read=100, total=30.0, features=None, **steps):
    rows = [
        {"name": step, "state": "cached" if seconds is None else "ran", "seconds": seconds or 0.1}
        for step, seconds in steps.items()
    ]
    summary = {"data": {"read": read}, "steps": rows, "seconds": total, "features": features}
    return PastRun(name, {**summary, "evaluation": {"accuracy": 1.0}}, "pushed")


def seconds(step, runs, files=100, *, is_alike=True):
    found = past_seconds.of_step(step, runs, files=files, is_alike=is_alike)
    return found and (pytest.approx(found.seconds), found.run)


def test_step_that_was_never_taken_is_not_estimated():
    assert seconds("Trainer", []) is None
    assert seconds("Trainer", [run("1", Trainer=None)]) is None


def test_latest_run_that_took_the_step_is_asked():
    runs = [run("3", Trainer=None), run("2", Trainer=5.0), run("1", Trainer=9.0)]
    assert seconds("Trainer", runs) == (5.0, "2")


@pytest.mark.parametrize(("files", "expected"), [(300, 15.0), (50, 5.0), (None, 5.0)])
def test_more_images_take_longer_and_fewer_not_less(files, expected):
    assert seconds("Trainer", [run("1", Trainer=5.0)], files) == (expected, "1")


def test_pushing_takes_as_long_for_any_number_of_images():
    assert seconds("Pusher", [run("1", Pusher=0.5)], 1000) == (0.5, "1")


def test_only_the_features_of_new_images_are_computed():
    features = {"images": 100, "views": 2, "computed": 200}
    runs = [run("1", FrozenFeatures=20.0, features=features)]
    assert seconds("FrozenFeatures", runs, 150) == (10.0, "1")
    assert seconds("FrozenFeatures", runs, 150, is_alike=False) == (30.0, "1")


def test_what_a_run_takes_beside_its_steps_is_told_by_the_latest_that_came_through():
    assert past_seconds.around_steps([]) is None
    assert past_seconds.around_steps([run("1", total=30.0, Trainer=20.0, Pusher=4.0)]) == 6.0
