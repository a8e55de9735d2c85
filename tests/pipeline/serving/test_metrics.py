"""Prometheus' own parser reads the page of metrics."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.serving.answers import Code
from pipeline.serving.metrics import Metrics


@pytest.fixture
def metrics():
    return Metrics()


def samples(metrics, name):
    families = text_string_to_metric_families(metrics.page())
    return [sample for family in families if family.name == name for sample in family.samples]


def test_requests_are_counted_by_model_and_code(metrics):
    for code in (Code.OK, Code.OK, Code.NOT_FOUND):
        metrics.request(model="m", api="predict", entrypoint="REST", code=code, seconds=0.001)
    counted = samples(metrics, ":tensorflow:serving:request_count")
    assert {sample.labels["status"]: sample.value for sample in counted} == {
        "OK": 2,
        "NOT_FOUND": 1,
    }


def test_latency_of_served_requests_is_a_histogram_in_microseconds(metrics):
    for code, seconds in ((Code.OK, 0.000010), (Code.OK, 0.0001), (Code.INTERNAL, 5)):
        metrics.request(model="m", api="predict", entrypoint="REST", code=code, seconds=seconds)
    found = samples(metrics, ":tensorflow:serving:request_latency")
    buckets = {
        sample.labels["le"]: sample.value for sample in found if sample.name.endswith("_bucket")
    }
    assert (buckets["10"], buckets["18"], buckets["104.976"], buckets["+Inf"]) == (1, 1, 2, 2)
    assert len(buckets) == 34
    (total,) = [sample.value for sample in found if sample.name.endswith("_sum")]
    assert total == 110


def test_labels_are_escaped(metrics):
    metrics.examples(model='a"b\\c', count=3)
    (sample,) = samples(metrics, ":tensorflow:serving:request_example_count")
    assert (sample.labels, sample.value) == ({"model": 'a"b\\c'}, 3)
