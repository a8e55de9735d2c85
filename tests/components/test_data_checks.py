"""Each check of the data gate passes good data and fails bad data, naming what is to blame."""

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components import data_checks
from components.data_checks import Distance, Suspects
from components.gate_settings import GateSettings
from components.quarantine import IngestionCounts, SetAside

SETTINGS = GateSettings()


def counts(by_split=None, **changes):
    by_split = by_split or {"train": {"cat": 40, "dog": 40}, "eval": {"cat": 10, "dog": 10}}
    accepted = sum(size for by_label in by_split.values() for size in by_label.values())
    values = {"read": accepted, "accepted": accepted, "quarantined": {}}
    return IngestionCounts(**{**values, "accepted_by_split": by_split, **changes})


def no_files(suspects):
    return ()


def anomalies(*names):
    found = anomalies_pb2.Anomalies()
    for name in names:
        found.anomaly_info[name].description = f"{name} is odd"
    return found


def test_schema_that_is_kept_passes():
    gate = data_checks.schema_anomalies({"train": anomalies(), "eval": anomalies()}, SETTINGS)
    assert (gate.value, gate.bound, gate.passed) == (0, {"max": 0}, True)


def test_anomaly_in_one_split_fails_and_is_told():
    gate = data_checks.schema_anomalies({"train": anomalies(), "eval": anomalies("a")}, SETTINGS)
    assert (gate.value, gate.passed) == (1, False)
    assert "a in eval: a is odd" in gate.sentence


def test_anomaly_of_the_whole_data_set_fails():
    found = anomalies()
    found.dataset_anomaly_info.description = "too few examples"
    gate = data_checks.schema_anomalies({"train": found}, SETTINGS)
    assert not gate.passed
    assert "train: too few examples" in gate.sentence


def test_as_many_anomalies_as_are_allowed_pass():
    settings = GateSettings(max_schema_anomalies=2)
    assert data_checks.schema_anomalies({"train": anomalies("a", "b")}, settings).passed
    assert not data_checks.schema_anomalies({"train": anomalies("a", "b", "c")}, settings).passed


def changed(found, expected, find_files=no_files):
    return data_checks.changed_classes(
        found, expected, whose="the schema", settings=SETTINGS, find_files=find_files
    )


def test_same_classes_pass_in_any_order():
    assert changed(["dog", "cat"], ["cat", "dog"]).passed


def test_new_class_fails_and_its_files_are_named():
    def find_files(suspects):
        return [f"{suspects.split}/{suspects.value}/1.jpg"]

    gate = changed(["cat", "dog", "fox"], ["cat", "dog"], find_files)
    assert (gate.value, gate.passed) == (1, False)
    assert gate.sentence == "Against the schema, class 'fox' is new; at most 0 may be."
    assert gate.files == ("train/fox/1.jpg", "eval/fox/1.jpg")


def test_class_that_is_gone_fails():
    gate = changed(["cat"], ["cat", "dog"])
    assert not gate.passed
    assert "class 'dog' is gone" in gate.sentence


def test_first_data_may_have_any_classes_and_the_check_says_so():
    gate = changed(["cat"], None)
    assert (gate.value, gate.passed) == (None, True)
    assert "say yet" in gate.sentence


def test_files_are_looked_for_only_where_a_class_is_new():
    def find_files(suspects):
        raise AssertionError

    assert changed(["cat"], ["cat"], find_files).passed


@pytest.mark.parametrize("inline", [False, True])
def test_classes_are_those_of_the_schemas_domain(inline):
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="image/class/text")
    if inline:
        feature.string_domain.value[:] = ["cat", "dog"]
    else:
        feature.domain = "classes"
        schema.string_domain.add(name="classes", value=["cat", "dog"])
    assert data_checks.schema_classes(schema) == ["cat", "dog"]


def test_schema_without_a_domain_allows_any_class():
    schema = schema_pb2.Schema()
    assert data_checks.schema_classes(schema) is None
    schema.feature.add(name="image/class/text")
    assert data_checks.schema_classes(schema) is None


@pytest.mark.parametrize(("number", "passed"), [(10, True), (11, False)])
def test_quarantined_share_is_held_against_its_bound(number, passed):
    rows = [SetAside(f"cat/{n}.jpg", "cat", "empty", "no bytes") for n in range(number)]
    gate = data_checks.quarantined_share(
        counts(read=100, quarantined={"empty": number}), rows, SETTINGS
    )
    assert (gate.value, gate.passed) == (number / 100, passed)
    assert f"{number} of 100 files ({number}.0%)" in gate.sentence
    assert len(gate.files) == (0 if passed else 5)


def test_files_of_the_commonest_reason_are_named_first():
    rows = [
        SetAside("a.jpg", "cat", "rare", "why"),
        SetAside("b.jpg", "cat", "common", "because"),
        SetAside("c.jpg", "cat", "common", "because"),
    ]
    found = counts(read=4, quarantined={"common": 2, "rare": 1})
    gate = data_checks.quarantined_share(found, rows, SETTINGS)
    assert gate.files == (
        "b.jpg (common: because)",
        "c.jpg (common: because)",
        "a.jpg (rare: why)",
    )


def test_nothing_read_is_no_division_by_zero():
    assert data_checks.quarantined_share(counts(read=0), [], SETTINGS).value == 0


@pytest.mark.parametrize(("size", "passed"), [(3, True), (2, False)])
def test_every_class_needs_its_images_in_every_split(size, passed):
    found = counts({"train": {"cat": 40, "dog": 40}, "eval": {"cat": 9, "dog": size}})
    gate = data_checks.images_per_class(found, SETTINGS)
    assert (gate.value, gate.bound, gate.passed) == (size, {"min": 3}, passed)
    assert ("class 'dog' has 2 in eval" in gate.sentence) == (not passed)


@pytest.mark.parametrize(("large", "passed"), [(100, True), (101, False)])
def test_classes_of_a_split_may_differ_so_much_in_size(large, passed):
    found = counts({"train": {"cat": 7, "dog": 7}, "eval": {"cat": 5, "dog": large}})
    gate = data_checks.class_imbalance(found, SETTINGS)
    assert (gate.value, gate.passed) == (large / 5, passed)
    assert f"In eval, class 'dog' has {large} images and 'cat' has 5" in gate.sentence


def test_empty_class_is_no_division_by_zero():
    found = counts({"train": {"cat": 0, "dog": 40}})
    assert data_checks.class_imbalance(found, SETTINGS).value == 40


def test_class_shares_are_no_check_unless_asked_for():
    assert data_checks.class_shares(counts(), SETTINGS) == []


@pytest.mark.parametrize(
    ("bound", "check", "blamed"),
    [
        ({"min_class_share": 0.3}, "min_class_share", "Class 'cat' is 20.0% of eval"),
        ({"max_class_share": 0.7}, "max_class_share", "Class 'dog' is 80.0% of eval"),
    ],
)
def test_class_share_out_of_range_fails(bound, check, blamed):
    found = counts({"train": {"cat": 5, "dog": 5}, "eval": {"cat": 2, "dog": 8}})
    [gate] = data_checks.class_shares(found, GateSettings(**bound))
    assert (gate.check, gate.passed) == (check, False)
    assert blamed in gate.sentence


def test_class_share_at_its_bound_passes():
    found = counts({"train": {"cat": 2, "dog": 8}})
    settings = GateSettings(min_class_share=0.2, max_class_share=0.8)
    assert [gate.passed for gate in data_checks.class_shares(found, settings)] == [True, True]


def test_same_bytes_in_two_splits_fail_and_both_files_are_named():
    assert data_checks.duplicates_across_splits([], SETTINGS).passed
    gate = data_checks.duplicates_across_splits([("train/1.jpg", "eval/2.jpg")], SETTINGS)
    assert (gate.value, gate.passed) == (1, False)
    assert gate.files == ("train/1.jpg = eval/2.jpg",)


def near_duplicates(count):
    by_split = {"train": {"cat": 50, "dog": 50}, "eval": {"cat": 20, "dog": 20}}
    named = (("eval/1.jpg", "train/7.jpg"),)
    found = counts(by_split, near_duplicates=count, near_duplicates_across_splits=named)
    return data_checks.near_duplicates_across_splits(found, SETTINGS)


def test_look_alikes_across_splits_fail_above_their_share_of_what_is_judged():
    assert near_duplicates(2).passed
    gate = near_duplicates(3)
    assert (gate.value, gate.bound, gate.passed) == (3 / 40, {"max": 0.05}, False)
    assert "3 of 40 images outside train (7.5%)" in gate.sentence
    assert gate.files == ("eval/1.jpg ~ train/7.jpg",)


def distance(value, *, feature="image/width", chance=0.0):
    suspects = Suspects("train", feature, centre=1.0)
    return Distance(feature, value, chance, f"{feature} moved", suspects)


def judged(*distances, limit=0.2, find_files=no_files):
    pairs = [("train", each) for each in distances]
    return data_checks.distance(
        "property_drift", pairs, limit=limit, than="the last", find_files=find_files
    )


@pytest.mark.parametrize(("value", "passed"), [(0.2, True), (0.21, False)])
def test_distance_is_held_against_its_bound(value, passed):
    gate = judged(distance(value))
    assert (gate.value, gate.bound, gate.passed) == (value, {"max": 0.2}, passed)
    assert "image/width in train" in gate.sentence
    assert "image/width moved" in gate.sentence


def test_chance_widens_the_bound_but_never_so_far_that_nothing_fails():
    assert judged(distance(0.5, chance=0.4)).passed
    assert judged(distance(0.5, chance=0.4)).bound == {"max": pytest.approx(0.6)}
    assert not judged(distance(1.0, chance=50.0)).passed


def test_distance_most_above_its_bound_is_told_and_the_others_are_named():
    gate = judged(
        distance(0.7, feature="image/bytes", chance=0.6),
        distance(0.5, feature="image/width"),
        distance(0.3, feature="image/height"),
    )
    assert (gate.value, gate.passed) == (0.5, False)
    assert "Too far as well: image/height in train (0.30)." in gate.sentence
    assert "image/bytes" not in gate.sentence


def test_worst_files_are_looked_for_only_once_a_distance_is_too_large():
    asked = []

    def find_files(suspects):
        asked.append(suspects)
        return ["a.jpg"]

    assert judged(distance(0.1), find_files=find_files).files == ()
    assert judged(distance(0.9), find_files=find_files).files == ["a.jpg"]
    assert asked == [Suspects("train", "image/width", centre=1.0)]


@pytest.mark.parametrize(
    ("than", "said"), [(None, "No data were accepted before"), ("train", "compared with train")]
)
def test_nothing_to_compare_with_passes_and_says_so(than, said):
    gate = data_checks.distance("mix_drift", [], limit=0.1, than=than, find_files=no_files)
    assert (gate.value, gate.passed) == (None, True)
    assert said in gate.sentence


NAMED = {"split_names": {"train": "training", "eval": "val"}}


@pytest.mark.parametrize(
    ("check", "settings", "words"),
    [
        (data_checks.images_per_class, SETTINGS, "class 'dog' has 1 in val"),
        (data_checks.class_imbalance, SETTINGS, "In val, class 'cat' has 10 images"),
        (
            lambda *args: data_checks.class_shares(*args)[0],
            GateSettings(min_class_share=0.2),
            "Class 'dog' is 9.1% of val;",
        ),
        (
            lambda *args: data_checks.class_shares(*args)[0],
            GateSettings(max_class_share=0.8),
            "Class 'cat' is 90.9% of val;",
        ),
        (data_checks.near_duplicates_across_splits, SETTINGS, "images outside training (0.0%)"),
    ],
)
def test_a_split_is_called_what_the_data_call_it(check, settings, words):
    by_split = {"train": {"cat": 40, "dog": 40}, "eval": {"cat": 10, "dog": 1}}
    assert words in check(counts(by_split, **NAMED), settings).sentence
