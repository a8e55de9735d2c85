"""The step on real TFDV statistics: what it refuses, what it keeps, which files it names."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from components import gates, quarantine
from components.gate_settings import GateSettings
from components.quarantine import IngestionCounts
from trainer import features
from trainer.errors import DataRefusedError

pytestmark = pytest.mark.graph

BRIGHTNESS = "image/brightness"


@pytest.fixture(scope="module")
def data_gate():
    from components import data_gate

    return data_gate


def examples_of(split, *, labels, size, brightness):
    rng = np.random.default_rng(len(split))
    for label in labels:
        for number in range(size):
            feature = {
                features.LABEL: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[label.encode()])
                ),
                features.FILENAME: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[f"{label}/{number}.jpg".encode()])
                ),
                BRIGHTNESS: tf.train.Feature(
                    float_list=tf.train.FloatList(value=[rng.normal(brightness, 0.05)])
                ),
            }
            yield tf.train.Example(features=tf.train.Features(feature=feature))


class Data:
    """A data set as the steps before the gate leave it."""

    def __init__(self, folder, *, labels=("cat", "dog"), size=30, brightness=0.5, **counts):
        self.folder = folder
        self.by_split = {}
        for split, share in (("train", 1), ("eval", 2)):
            made = list(
                examples_of(split, labels=labels, size=size // share, brightness=brightness)
            )
            self._write_examples(split, made)
            self._write_statistics(split, made)
            self.by_split[split] = dict.fromkeys(labels, size // share)
        accepted = sum(sum(by_label.values()) for by_label in self.by_split.values())
        values = {"read": accepted, "accepted": accepted, "quarantined": {}, **counts}
        (folder / "quarantined").mkdir()
        counted = IngestionCounts(accepted_by_split=self.by_split, **values)
        quarantine.write(folder / "quarantined", counted, [])
        self.validate(self.infer())

    def _write_examples(self, split, made):
        path = self._place("examples", split) / "data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for example in made:
                writer.write(example.SerializeToString())

    def _write_statistics(self, split, made):
        import pyarrow as pa
        import tensorflow_data_validation as tfdv
        from tensorflow_data_validation.statistics import stats_impl

        columns = {
            name: [
                list(each.features.feature[name].bytes_list.value)
                or list(each.features.feature[name].float_list.value)
                for each in made
            ]
            for name in (features.LABEL, features.FILENAME, BRIGHTNESS)
        }
        batch = pa.RecordBatch.from_pydict(columns)
        found = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())
        path = self._place("statistics", split) / "FeatureStats.pb"
        path.write_bytes(found.SerializeToString())

    def infer(self):
        from components import drift

        paths = sorted((self.folder / "statistics").glob("*/*.pb"))
        return drift.schema_of([path.read_bytes() for path in paths])

    def validate(self, schema):
        """As ExampleValidator does."""
        import tensorflow_data_validation as tfdv

        (self.folder / "schema").mkdir(exist_ok=True)
        (self.folder / "schema" / "schema.pbtxt").write_text(str(schema))
        for path in (self.folder / "statistics").glob("*/*.pb"):
            found = tfdv.validate_statistics(tfdv.load_stats_binary(str(path)), schema)
            split = path.parent.name.removeprefix("Split-")
            target = self._place("anomalies", split) / "SchemaDiff.pb"
            target.write_bytes(found.SerializeToString())

    def _place(self, kind, split):
        place = self.folder / kind / f"Split-{split}"
        place.mkdir(parents=True, exist_ok=True)
        return place


@pytest.fixture
def made(data_gate, tmp_path):
    """Makes a data set."""

    def make(name="data", **options):
        folder = tmp_path / name
        folder.mkdir()
        return Data(folder, **options)

    return make


@pytest.fixture
def judge(data_gate, tmp_path):
    """Runs the step; answers its verdict."""

    def run(data, *, reason="", is_curated=False, **settings):
        from components import acceptance

        place = tmp_path / "gate"
        fingerprint = data.folder.name
        on = acceptance.terms(place, fingerprint=fingerprint, accept_reason=reason)
        inputs = ("examples", "statistics", "schema", "anomalies", "quarantined")
        data_gate.DataGate.EXECUTOR_SPEC.executor_class._FUNCTION(
            verdict=SimpleNamespace(uri=str(data.folder / "verdict")),
            **{name: SimpleNamespace(uri=str(data.folder / name)) for name in inputs},
            settings=GateSettings(**settings).model_dump_json(),
            is_curated=is_curated,
            folder=str(place),
            fingerprint=fingerprint,
            baseline=on.baseline,
            accept_reason=on.accept_reason,
        )
        return gates.read(data.folder / "verdict")

    return run


def failed(tmp_path):
    """Check -> gate, of the latest refusal."""
    return {check.check: check for check in gates.read(tmp_path / "gate" / "refused").failed}


def test_first_data_pass_every_check_and_become_the_accepted_ones(made, judge, tmp_path):
    verdict = judge(made())
    assert [check.check for check in verdict.checks] == [
        "schema_anomalies",
        "changed_classes",
        "quarantined_share",
        "images_per_class",
        "class_imbalance",
        "duplicates_across_splits",
        "near_duplicates_across_splits",
        "mix_drift",
        "property_drift",
        "mix_skew",
        "property_skew",
    ]
    assert not verdict.failed
    assert all(check.sentence and check.step == "DataGate" for check in verdict.checks)
    accepted = json.loads((tmp_path / "gate" / "accepted.json").read_text())["id"]
    assert sorted(path.name for path in (tmp_path / "gate" / accepted).iterdir()) == [
        "eval.pb",
        "train.pb",
    ]


def test_property_that_drifted_is_refused_with_its_worst_files(made, judge, tmp_path):
    judge(made("first"))
    with pytest.raises(DataRefusedError, match="image/brightness in"):
        judge(made("later", brightness=0.9))
    [check] = failed(tmp_path).values()
    assert check.check == "property_drift"
    assert check.value == pytest.approx(1)
    assert len(check.files) == 5
    assert all(name.endswith(".jpg") for name in check.files)
    assert not (tmp_path / "later" / "verdict").exists()


def test_refused_data_do_not_become_the_accepted_ones(made, judge):
    first, later = made("first"), made("later", brightness=0.9)
    judge(first)
    for _ in range(2):
        with pytest.raises(DataRefusedError):
            judge(later)


def test_person_accepts_data_and_they_become_the_accepted_ones(made, judge):
    first, later = made("first"), made("later", brightness=0.9)
    judge(first)
    verdict = judge(later, reason="new lamps")
    assert verdict.accept_reason == "new lamps"
    assert [check.check for check in verdict.failed] == ["property_drift"]
    assert judge(later).accept_reason == "new lamps"
    assert not judge(made("more", brightness=0.9)).failed


def test_class_that_came_is_refused_with_its_files(made, judge, tmp_path):
    judge(made("first"))
    with pytest.raises(DataRefusedError, match="class 'fox' is new"):
        judge(made("later", labels=("cat", "dog", "fox")))
    assert failed(tmp_path)["changed_classes"].files[:2] == ["fox/0.jpg", "fox/1.jpg"]


def test_class_that_went_is_refused(made, judge):
    judge(made("first", labels=("cat", "dog", "fox")))
    with pytest.raises(DataRefusedError, match="class 'fox' is gone"):
        judge(made("later"))


def test_class_that_the_curated_schema_lacks_is_refused(made, judge, tmp_path):
    data = made(labels=("cat", "dog", "fox"))
    schema = data.infer()
    for domain in schema.string_domain:
        domain.value[:] = [value for value in domain.value if value != "fox"]
    data.validate(schema)
    with pytest.raises(DataRefusedError):
        judge(data, is_curated=True)
    found = failed(tmp_path)
    assert set(found) == {"schema_anomalies", "changed_classes"}
    assert "fox" in found["schema_anomalies"].sentence
    assert "Against the curated schema, class 'fox' is new" in found["changed_classes"].sentence


def test_class_that_only_the_curated_schema_has_is_gone(made, judge):
    data = made()
    schema = data.infer()
    schema.string_domain[0].value.append("fox")
    data.validate(schema)
    with pytest.raises(DataRefusedError, match="class 'fox' is gone"):
        judge(data, is_curated=True)


def test_curated_schema_counts_more_than_what_was_accepted(made, judge):
    judge(made("first"))
    verdict = judge(made("later", labels=("cat", "dog", "fox")), is_curated=True, max_mix_drift=0.9)
    assert next(each for each in verdict.checks if each.check == "changed_classes").passed


@pytest.mark.parametrize(
    ("counts", "check"),
    [
        ({"read": 120, "quarantined": {"empty": 30}}, "quarantined_share"),
        ({"duplicates_across_splits": (("a.jpg", "b.jpg"),)}, "duplicates_across_splits"),
    ],
)
def test_what_ingestion_found_is_judged(made, judge, tmp_path, counts, check):
    with pytest.raises(DataRefusedError, match=check):
        judge(made(**counts))
    assert set(failed(tmp_path)) == {check}


@pytest.mark.parametrize(
    ("bound", "check"),
    [
        ({"min_images_per_class": 16}, "images_per_class"),
        ({"max_class_share": 0.4}, "max_class_share"),
        ({"min_class_share": 0.6}, "min_class_share"),
    ],
)
def test_bounds_come_from_the_configuration(made, judge, tmp_path, bound, check):
    data = made()
    assert not judge(data).failed
    with pytest.raises(DataRefusedError, match=check):
        judge(data, **bound)
    assert set(failed(tmp_path)) == {check}


def test_splits_that_lie_apart_are_refused(made, judge, tmp_path):
    data, dark = made(), made("dark", brightness=0.1)
    for kind in ("statistics", "anomalies"):
        name = Path("Split-eval") / next((dark.folder / kind / "Split-eval").iterdir()).name
        (data.folder / kind / name).write_bytes((dark.folder / kind / name).read_bytes())
    with pytest.raises(DataRefusedError, match="image/brightness in eval lies"):
        judge(data)
    assert set(failed(tmp_path)) == {"property_skew"}


def test_farthest_images_are_the_worst(data_gate, made):
    from components import offenders
    from components.data_checks import Suspects

    data = made()
    worst = offenders.find(
        data.folder / "examples", Suspects("train", BRIGHTNESS, centre=0.0), count=3
    )
    values = {
        each.features.feature[features.FILENAME]
        .bytes_list.value[0]
        .decode(): each.features.feature[BRIGHTNESS].float_list.value[0]
        for each in examples_of("train", labels=("cat", "dog"), size=30, brightness=0.5)
    }
    assert list(worst) == sorted(values, key=lambda name: -values[name])[:3]


def test_sentences_call_splits_what_the_data_call_them(made, judge, tmp_path):
    names = {"train": "training", "eval": "val"}
    judge(made(split_names=names))
    odd = made("odd", labels=("cat", "fox"), split_names=names)
    odd.validate(made("first").infer())
    with pytest.raises(DataRefusedError):
        judge(odd)
    checks = gates.read(tmp_path / "gate" / "refused").checks
    said = {check.check: check.sentence for check in checks}
    assert " in val lies " in said["mix_skew"]
    assert " from training " in said["mix_skew"]
    assert " in val lies " in said["property_skew"]
    assert "in training" in said["mix_drift"]
    assert "in training: " in said["schema_anomalies"]
    assert "in val: " in said["schema_anomalies"]
