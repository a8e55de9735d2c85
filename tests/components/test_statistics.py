"""What TFDV measures of ingested images, and what later data are held against."""

import pytest

from trainer import features

pytestmark = pytest.mark.graph

SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
COUNT = 120  # TFDV tells nothing of what images fewer than 100 are


@pytest.fixture(scope="module")
def measured():
    """Measures so many images of each format: bytes that begin as one, and cannot be decoded."""
    from components import statistics

    import pyarrow as pa  # isort: skip
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl

    def measure(**count_of):
        kinds = [kind for kind, count in count_of.items() for _ in range(count)]
        encoded = [SIGNATURES[kind] + b"secret %d" % place for place, kind in enumerate(kinds)]
        columns = {
            features.ENCODED: [[each] for each in encoded],
            features.FORMAT: [[kind.encode()] for kind in kinds],
            features.LABEL: [[b"cold"] for _ in kinds],
            features.GROUP: [[b"somebody"] for _ in kinds],
        }
        # As StatisticsGen hands them on.
        options = tfdv.StatsOptions.from_json(statistics.options().to_json())
        batch = pa.RecordBatch.from_pydict(columns)
        return stats_impl.generate_statistics_in_memory(batch, options)

    return measure


@pytest.fixture(scope="module")
def anomalies():
    """What is wrong with statistics against the schema that others suggest; feature -> words."""
    from components import drift

    import tensorflow_data_validation as tfdv  # isort: skip

    def find(found, *, frozen_from):
        schema = drift.schema_of([frozen_from.SerializeToString()])
        info = tfdv.validate_statistics(found, schema).anomaly_info
        return {name: each.description for name, each in info.items()}

    return find


def of(found, name):
    [feature] = [each for each in found.datasets[0].features if each.path.step[0] == name]
    return feature


def test_formats_are_counted_by_content_without_decoding_an_image(measured):
    encoded = of(measured(JPEG=COUNT, PNG=30), features.ENCODED)
    [histogram] = [each for each in encoded.custom_stats if each.name == "image_format_histogram"]
    counts = {bucket.label: bucket.sample_count for bucket in histogram.rank_histogram.buckets}
    assert counts == {"jpeg": COUNT, "png": 30}


def test_the_bytes_of_images_are_not_among_the_statistics(measured):
    found = measured(JPEG=COUNT)
    assert b"secret" not in found.SerializeToString()
    encoded = of(found, features.ENCODED)
    assert encoded.WhichOneof("stats") == "bytes_stats"
    assert encoded.bytes_stats.max_num_bytes == len(SIGNATURES["JPEG"] + b"secret 119")


def test_a_format_that_came_later_is_an_anomaly_of_the_frozen_schema(measured, anomalies):
    first = measured(JPEG=COUNT)
    assert anomalies(first, frozen_from=first) == {}
    later = anomalies(measured(JPEG=COUNT, PNG=1), frozen_from=first)
    assert list(later) == [features.FORMAT]
    assert "PNG" in later[features.FORMAT]


def test_few_images_agree_with_the_schema_of_many(measured, anomalies):
    assert anomalies(measured(JPEG=5), frozen_from=measured(JPEG=COUNT)) == {}


def test_groups_are_no_part_of_the_statistics(measured):
    # Else each new person in the data would be an anomaly.
    found = {each.path.step[0] for each in measured(JPEG=COUNT).datasets[0].features}
    assert found == {features.ENCODED, features.FORMAT, features.LABEL}
