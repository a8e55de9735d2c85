"""A step that runs says why: the setting by name with both values, data, code, or what is above."""

import json

import pytest

from pipeline.cached_steps import Outlook, reasons


def why(step, before, now, **options):
    outlook = Outlook(step, is_cached=False, parameters=now, before=before, **options)
    return [reason.text for reason in reasons(outlook)]


def test_cached_step_needs_no_reason():
    assert reasons(Outlook("Trainer", is_cached=True, parameters={"code": "1"})) == []


def test_step_that_never_ended_well_is_a_first_run():
    assert why("Trainer", None, {"code": "1"}) == ["first run"]


@pytest.mark.parametrize(
    ("step", "parameter", "before", "now", "said"),
    [
        ("ImageExampleGen", "settings", {"max_pixels": 1}, {"max_pixels": 2}, "data.max_pixels"),
        ("DataGate", "settings", {"max_mix_skew": 1}, {"max_mix_skew": 2}, "gate.max_mix_skew"),
        ("Evaluator", "settings", {"batch": 1}, {"batch": 2}, "evaluate.batch"),
        ("ServingGate", "settings", {"max_ms": 1}, {"max_ms": 2}, "serving_gate.max_ms"),
        ("FrozenFeatures", "keeping", {"gb": 1}, {"gb": 2}, "features.gb"),
        (
            "FrozenFeatures",
            "settings",
            {"image": {"size": 1}},
            {"image": {"size": 2}},
            "image.size",
        ),
        (
            "Trainer",
            "custom_config",
            {"settings": {"train": {"epochs": 1}}},
            {"settings": {"train": {"epochs": 2}}},
            "train.epochs",
        ),
        ("Tuner", "custom_config", {"tune": {"trials": 1}}, {"tune": {"trials": 2}}, "tune.trials"),
        ("Pusher", "custom_config", {"keep_versions": 1}, {"keep_versions": 2}, "push.keep_v"),
    ],
)
def test_setting_is_told_by_the_name_that_a_person_sets(step, parameter, before, now, said):
    [text] = why(step, {parameter: json.dumps(before)}, {parameter: json.dumps(now)})
    assert text.startswith(said)
    assert text.endswith(" 1 → 2")


def test_setting_is_told_to_scripts_with_both_values():
    outlook = Outlook(
        "Evaluator",
        is_cached=False,
        before={"settings": '{"thresholds": {}}'},
        parameters={"settings": '{"thresholds": {"accuracy": {"min": 0.9}}}'},
    )
    [reason] = reasons(outlook)
    assert reason.setting is not None
    change = reason.setting
    assert (change.name, change.before, change.after) == (
        "evaluate.thresholds.accuracy.min",
        None,
        0.9,
    )


@pytest.mark.parametrize(
    ("step", "parameter", "said"),
    [
        ("ImageExampleGen", "fingerprint", "the data changed"),
        ("Trainer", "code", "the code changed"),
        ("FrozenFeatures", "weights_sha256", "the weights changed"),
        ("BlessedModel", "fingerprint", "another model was blessed last"),
        ("Evaluator", "force_bless", "--force-bless 1 → 2"),
        ("StatisticsGen", "stats_options_json", "its parameter stats_options_json changed"),
    ],
)
def test_what_is_no_setting_is_told_in_words(step, parameter, said):
    assert why(step, {parameter: "1"}, {parameter: "2"}) == [said]


def test_step_runs_because_a_step_above_runs_or_gave_something_else():
    same = {"code": "1"}
    assert why("Trainer", same, same, waits_for=["Transform"]) == ["Transform runs"]
    found = why("Trainer", same, same, other_inputs=["Transform"])
    assert found == ["Transform gave it something else then"]


@pytest.mark.parametrize(
    ("was_made", "said"),
    [("yes", "is gone"), ("failed", "did not end well"), ("no", "Beam runner or TFX")],
)
def test_step_that_is_told_the_same_as_before_says_what_else_is_the_matter(was_made, said):
    [text] = why("Trainer", {"code": "1"}, {"code": "1"}, was_made=was_made)
    assert said in text


def test_digest_of_many_things_is_told_only_where_nothing_says_which():
    [text] = why("DataGate", {"fingerprint": "1"}, {"fingerprint": "2"})
    assert text == "the data, the code, the schema or a bound changed"
    found = why("DataGate", {"fingerprint": "1"}, {"fingerprint": "2"}, waits_for=["Transform"])
    assert found == ["Transform runs"]
