"""What makes a step another step for KFP's cache."""

import copy

import pytest

from pipeline.cluster import execution_cache as cache
from pipeline.cluster.execution_inputs import Given

STEP = {
    "executor_input": {
        "inputs": {
            "parameterValues": {"n": 1},
            "artifacts": {"data": {"artifacts": [{"name": "7", "uri": "gs://b/1"}]}},
        },
        "outputs": {
            "artifacts": {"out": {"artifacts": [{"uri": "gs://b/2", "type": {"a": 1}}]}},
            "parameters": {},
        },
    },
    "output_kinds": {"sum": "STRING"},
    "command": ["python", "-c", "pass"],
    "image": "here/it:1",
    "claims": ["state"],
}


def changed(**changes):
    return {**copy.deepcopy(STEP), **changes}


def with_inputs(**changes):
    step = changed()
    step["executor_input"]["inputs"].update(changes)
    return step


@pytest.mark.parametrize(
    "other",
    [
        with_inputs(parameterValues={"n": 2}),
        with_inputs(artifacts={"data": {"artifacts": [{"name": "8", "uri": "gs://b/1"}]}}),
        changed(command=["python", "-c", "exit()"]),
        changed(image="here/it:2"),
        changed(claims=["other"]),
        changed(output_kinds={"sum": "LIST"}),
    ],
)
def test_what_counts_changes_the_key(other):
    assert cache.key(**other) != cache.key(**STEP)


def test_where_artifacts_lie_does_not_count():
    other = with_inputs(artifacts={"data": {"artifacts": [{"name": "7", "uri": "gs://b/9"}]}})
    other["executor_input"]["outputs"]["artifacts"]["out"]["artifacts"][0]["uri"] = "gs://b/3"

    assert cache.key(**other) == cache.key(**STEP)


def test_what_is_stored_comes_back(tmp_path):
    made = Given({"sum": 3}, {"out": [{"name": "9", "uri": "gs://b/2"}]})

    assert cache.stored(tmp_path / "p", "abc") is None
    cache.store(tmp_path / "p", "abc", made)

    assert cache.stored(tmp_path / "p", "abc") == made
    assert cache.stored(tmp_path / "q", "abc") is None
