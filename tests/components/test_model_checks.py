"""A model is held against bounds and against the latest blessed one, and told so in a sentence."""

import pytest

from components import model_checks
from components.evaluate_settings import EvaluateSettings, SliceBounds
from components.model_checks import Baseline, Slice


def settings(**given):
    return EvaluateSettings.model_validate(given)


def threshold(value, **bound):
    metrics = {} if value is None else {"accuracy": value}
    [gate] = model_checks.thresholds(metrics, settings(thresholds={"accuracy": bound}))
    return gate


@pytest.mark.parametrize(
    ("value", "passed", "sentence"),
    [
        (0.95, True, "Accuracy 0.9500 is at least 0.8, with 0.1500 to spare."),
        (0.8, True, "Accuracy 0.8000 is at least 0.8, with 0.0000 to spare."),
        (0.79, False, "Accuracy 0.7900 is not at least 0.8: 0.0100 too low."),
        (0.79999, False, "Accuracy 0.79999 is not at least 0.8: 1e-05 too low."),
        (None, False, "Accuracy could not be computed; it must be at least 0.8."),
        (float("nan"), False, "Accuracy could not be computed; it must be at least 0.8."),
    ],
)
def test_lower_bound_is_held(value, passed, sentence):
    gate = threshold(value, min=0.8)
    assert (gate.check, gate.bound, gate.step) == ("accuracy", {"min": 0.8}, "Evaluator")
    assert (gate.passed, gate.sentence) == (passed, sentence)


@pytest.mark.parametrize(
    ("value", "passed", "rest"),
    [
        (0.05, False, "0.0500 too low"),
        (0.1, True, "with 0.0000 to spare"),
        (0.45, True, "with 0.0500 to spare"),
        (0.49999, True, "with 0.0000 to spare"),
        (0.6, False, "0.1000 too high"),
    ],
)
def test_both_ends_are_held(value, passed, rest):
    bounds = settings(thresholds={"log_loss": {"min": 0.1, "max": 0.5}})
    [gate] = model_checks.thresholds({"log_loss": value}, bounds)
    assert gate.passed is passed
    assert float(gate.sentence.split()[2]) == value
    assert "at least 0.1 and at most 0.5" in gate.sentence
    assert gate.sentence.endswith(f"{rest}.")


def by_class(*slices, min_images=30, **bounds):
    found = [Slice(name, images, {"accuracy": value}) for name, images, value in slices]
    bounds = SliceBounds.model_validate({"accuracy": {"min": 0.5}, **bounds})
    return model_checks.by_slice("class", found, bounds, min_images=min_images)


def test_worst_slice_is_named_where_all_pass():
    [gate] = by_class(("cats", 500, 0.98), ("dogs", 400, 0.7))
    assert (gate.check, gate.value, gate.passed) == ("accuracy_by_class", 0.7, True)
    assert gate.sentence == (
        "Accuracy by class is at least 0.5; the worst is dogs with 0.7000 of 400 images, 0.2000 to "
        "spare."
    )


def test_slices_that_fail_are_named_the_worst_first():
    [gate] = by_class(("cats", 50, 0.4), ("cows", 50, 0.9), ("dogs", 50, 0.1))
    assert (gate.value, gate.passed) == (0.1, False)
    assert "is not at least 0.5 for 2 of 3: dogs with 0.1000 of 50 images" in gate.sentence
    assert gate.sentence.endswith("cats with 0.4000 of 50 images, 0.1000 too low.")


def test_slice_of_few_images_is_told_of_and_refuses_nothing():
    [gate] = by_class(("cats", 500, 0.98), ("dogs", 29, 0.0))
    assert gate.passed
    assert gate.sentence.endswith("With fewer than 30 images, too few to judge: dogs (29).")


def test_slice_of_just_enough_images_is_judged():
    [gate] = by_class(("cats", 500, 0.98), ("dogs", 30, 0.0))
    assert not gate.passed


def test_slices_that_are_all_small_are_not_judged():
    [gate] = by_class(("cats", 8, 0.1))
    assert (gate.value, gate.passed) == (None, True)
    assert gate.sentence.startswith("Accuracy by class is not judged.")


def test_slice_without_a_value_fails():
    [gate] = by_class(("cats", 50, float("nan")))
    assert (gate.value, gate.passed) == (None, False)


def test_property_without_bounds_is_not_judged():
    assert model_checks.by_slice("size", [], SliceBounds(), min_images=1) == []


def against(value, before, *, images=1000, metric="accuracy", **limits):
    bounds = settings(max_worsening={"accuracy": None, metric: 0.01, **limits})
    baseline = Baseline(1732, {metric: before})
    [gate] = model_checks.against(baseline, {metric: value}, bounds, images=images)
    return gate


def test_worse_within_bounds_passes_and_tells_both_values_and_the_difference():
    gate = against(0.993, 0.997)
    assert (gate.check, gate.passed) == ("accuracy_against_baseline", True)
    assert gate.value == pytest.approx(-0.004)
    assert gate.bound == {"min": pytest.approx(-0.01)}
    assert gate.sentence == (
        "Accuracy 0.9930 is 0.0040 below version 1732's 0.9970 on the same data; at most 0.0100 "
        "below is accepted."
    )


@pytest.mark.parametrize(
    ("value", "passed"), [(1.0, True), (0.987, True), (0.9869, False), (float("nan"), False)]
)
def test_bound_itself_is_accepted_and_what_is_worse_is_not(value, passed):
    assert against(value, 0.997).passed is passed


def test_value_that_is_no_number_cannot_be_compared():
    gate = against(float("nan"), 0.997)
    assert gate.value is None
    assert gate.sentence.startswith("Accuracy could not be compared with version 1732's;")


def test_log_loss_is_worse_where_it_is_higher():
    assert not against(0.05, 0.03, metric="log_loss").passed
    gate = against(0.01, 0.03, metric="log_loss")
    assert gate.passed
    assert "0.0200 below version 1732's 0.0300" in gate.sentence
    assert gate.sentence.endswith("at most 0.0100 above is accepted.")


def test_single_image_is_not_held_against_a_model():
    gate = against(15 / 16, 1.0, images=16)
    assert gate.passed
    assert gate.sentence.endswith("at most 0.0625 (one image) below is accepted.")
    assert not against(14 / 16, 1.0, images=16).passed


def test_equal_models_are_told_to_be_equal():
    assert "is as good as version 1732's 0.9970" in against(0.997, 0.997).sentence


def test_without_a_baseline_nothing_is_refused_and_the_reason_is_told():
    gate = model_checks.without_baseline("There is no blessed model yet.")
    assert (gate.value, gate.passed, gate.step) == (None, True, "Evaluator")
    assert gate.sentence.startswith("There is no blessed model yet. Later models")
