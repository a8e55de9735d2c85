"""A schema is frozen from the latest run, curated by hand, and then held to."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline import schema
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError

CURATED = """\
feature { name: "image/class/text" type: BYTES domain: "image/class/text"
          presence { min_fraction: 1 } not_in_environment: "SERVING" }
feature { name: "image/encoded" type: BYTES presence { min_fraction: 1 } }
feature { name: "image/width" type: INT int_domain { min: 64 } not_in_environment: "SERVING" }
string_domain { name: "image/class/text" value: "cat" value: "dog" }
default_environment: "TRAINING"
default_environment: "SERVING"
"""


@pytest.fixture
def work_dir(tmp_path):
    return WorkDir(tmp_path / "w")


@pytest.fixture
def curated(work_dir):
    work_dir.schema.parent.mkdir(parents=True)
    work_dir.schema.write_text(CURATED)
    return work_dir.schema


def parsed(text):
    return text_format.Parse(text, schema_pb2.Schema())


def test_work_dir_without_a_schema_has_none(work_dir):
    assert schema.curated(work_dir, None) is None


def test_frozen_schema_is_used(work_dir, curated):
    assert schema.curated(work_dir, None) == curated


def test_named_file_counts_more_than_the_frozen_one(work_dir, curated, tmp_path):
    other = tmp_path / "other.pbtxt"
    other.write_text(CURATED)
    assert schema.curated(work_dir, str(other)) == other


def test_named_file_that_is_missing_is_an_error(work_dir, curated, tmp_path):
    with pytest.raises(ConfigError, match=r"none\.pbtxt cannot be read \(No such file"):
        schema.curated(work_dir, str(tmp_path / "none.pbtxt"))


def test_broken_line_is_named(work_dir, curated):
    curated.write_text(CURATED + 'feature { nme: "x" }\n')
    with pytest.raises(ConfigError, match=r'schema\.pbtxt is wrong in line 8: .*named "nme"'):
        schema.curated(work_dir, None)


def test_file_that_is_no_text_is_an_error(work_dir, curated):
    curated.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no text"):
        schema.curated(work_dir, None)


def test_changed_schema_has_another_name_for_the_cache(curated, tmp_path):
    first = schema.copied_by_content(curated, tmp_path)
    assert schema.copied_by_content(curated, tmp_path) == first
    assert first.read_text() == CURATED
    curated.write_text(CURATED + "\n")
    assert schema.copied_by_content(curated, tmp_path) != first


def test_only_the_image_is_asked_for_when_serving():
    frozen = schema.with_environments(parsed(CURATED))
    assert list(frozen.default_environment) == ["TRAINING", "SERVING"]
    kept = {each.name: list(each.not_in_environment) for each in frozen.feature}
    assert kept == {
        "image/class/text": ["SERVING"],
        "image/encoded": [],
        "image/width": ["SERVING"],
    }


def test_schema_reads_as_features_with_what_they_may_be(work_dir, curated):
    lines = [" ".join(line.split()) for line in schema.readable(schema.in_use(work_dir))]
    assert lines == [
        "image/class/text bytes required TRAINING",
        "cat",
        "dog",
        "image/encoded bytes required TRAINING, SERVING",
        "image/width int optional TRAINING",
        "64 to any",
    ]


def test_domain_inside_a_feature_is_read_too():
    feature = 'feature { name: "a" type: BYTES string_domain { value: "x" } }'
    assert schema.readable(parsed(feature))[1:] == ["    x"]


def test_curated_schema_is_never_overwritten(work_dir, curated):
    with pytest.raises(ConfigError, match="is there already and may have been curated"):
        schema.freeze(work_dir, None)
    assert curated.read_text() == CURATED


@pytest.mark.graph
def test_without_a_run_there_is_nothing_to_freeze_or_show(work_dir):
    for action in (lambda: schema.freeze(work_dir, None), lambda: schema.in_use(work_dir)):
        with pytest.raises(ConfigError, match=r"holds no run .* frostline run --data DIR"):
            action()
    assert not work_dir.root.exists()


def test_difference_needs_a_frozen_schema(work_dir):
    with pytest.raises(ConfigError, match="`frostline schema freeze` writes one"):
        schema.difference(work_dir)


@pytest.fixture
def latest_run(work_dir, monkeypatch, tmp_path):
    """A run of three classes, more than TFDV makes a domain of being left out of it."""
    import pyarrow as pa

    from components import drift  # noqa: F401  TFX comes before TFDV
    from pipeline.results import Results

    # isort: split
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl

    columns = {
        "image/class/text": [[label] for label in ("dog", "cat", "fox")],
        "image/encoded": [[b"..."]] * 3,
        "image/filename": [["1.jpg"], ["2.jpg"], ["3.jpg"]],
    }
    found = stats_impl.generate_statistics_in_memory(
        pa.RecordBatch.from_pydict(columns), tfdv.StatsOptions()
    )
    place = tmp_path / "statistics" / "Split-train"
    place.mkdir(parents=True)
    (place / "FeatureStats.pb").write_bytes(found.SerializeToString())
    monkeypatch.setattr(Results, "__init__", lambda self, work_dir: None)
    monkeypatch.setattr(Results, "statistics", lambda self: place.parent)
    work_dir.root.mkdir(exist_ok=True)
    work_dir.metadata.touch()


@pytest.mark.graph
def test_frozen_schema_has_the_classes_but_no_file_names(work_dir, latest_run):
    path = schema.freeze(work_dir, None)
    assert path == work_dir.schema
    frozen = schema.read(path)
    assert [(each.name, list(each.value)) for each in frozen.string_domain] == [
        ("image/class/text", ["cat", "dog", "fox"])
    ]
    assert schema.difference(work_dir) == []


@pytest.mark.graph
def test_difference_names_the_class_that_the_frozen_schema_lacks(work_dir, latest_run):
    path = schema.freeze(work_dir, None)
    path.write_text(path.read_text().replace('value: "fox"', ""))
    changed = [line for line in schema.difference(work_dir) if line[:1] in "+-"]
    assert [line.split() for line in changed[2:]] == [["+", "fox"]]


@pytest.mark.graph
def test_schema_can_be_written_elsewhere(work_dir, latest_run, tmp_path):
    path = schema.freeze(work_dir, tmp_path / "new" / "s.pbtxt")
    assert path.exists()
    assert not work_dir.schema.exists()
    assert path.read_text().startswith("# The schema of the data, for you to curate.")
