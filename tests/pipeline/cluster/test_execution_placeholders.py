"""What KFP's launcher fills in a command, and what it leaves."""

import json

import pytest

from pipeline.cluster import execution_placeholders as placeholders

EXECUTOR_INPUT = {
    "inputs": {
        "parameterValues": {"n": 3, "share": 1e-7, "on": True, "name": "it's", "list": [1, "a"]},
        "artifacts": {"data": {"artifacts": [{"uri": "gs://b/in"}]}},
    },
    "outputs": {
        "parameters": {"sum": {"outputFile": "/tmp/kfp/outputs/sum"}},
        "artifacts": {"model": {"artifacts": [{"uri": "s3://c/out"}]}},
        "outputFile": "/tmp/kfp_outputs/output_metadata.json",
    },
}


def filled(*words):
    return placeholders.filled(words, EXECUTOR_INPUT, path_of=lambda uri: uri.replace(":/", ""))


def test_whole_input_is_handed_over_as_json():
    (word,) = filled("{{$}}")

    assert json.loads(word) == EXECUTOR_INPUT


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--n={{$.inputs.parameters['n']}}", "--n=3"),
        ("{{$.inputs.parameters['share']}}", "0.0000001"),
        ("{{$.inputs.parameters['on']}}", "true"),
        ("{{$.inputs.parameters['name']}}", "it's"),
        ("{{$.inputs.parameters['list']}}", '[1,"a"]'),
        ("{{$.inputs.artifacts['data'].uri}}", "gs://b/in"),
        ("{{$.inputs.artifacts['data'].path}}/x", "gs/b/in/x"),
        ("{{$.outputs.artifacts['model'].uri}}", "s3://c/out"),
        ("{{$.outputs.artifacts['model'].path}}", "s3/c/out"),
        ("{{$.outputs.parameters['sum'].output_file}}", "/tmp/kfp/outputs/sum"),
    ],
)
def test_each_kind_of_placeholder_is_filled(word, expected):
    assert filled(word) == [expected]


def test_what_the_launcher_does_not_know_stays_and_is_told():
    words = filled(
        "--run", "{{$.pipeline_job_uuid}}", "{{$.inputs.artifacts['data'].name}}", "{{$}}"
    )

    assert words[1:3] == ["{{$.pipeline_job_uuid}}", "{{$.inputs.artifacts['data'].name}}"]
    assert placeholders.unknown(words) == sorted(words[1:3])


def test_optional_words_depend_on_what_was_given():
    said = (
        '{"IfPresent": {"InputName": "%s", "Then": ["--n", "{{$.inputs.parameters[\'n\']}}"], %s}}'
    )

    assert filled(said % ("n", '"Else": ["none"]')) == ["--n", "3"]
    assert filled(said % ("absent", '"Else": ["none"]')) == ["none"]
    assert filled('{"IfPresent": {"InputName": "absent", "Then": ["--n"]}}') == []
    joined = '{"Concat": ["gs://", "{{$.inputs.parameters[\'n\']}}", "/x"]}'
    assert filled(joined) == ["gs://3/x"]


def test_parameter_may_name_another_one():
    given = {"name": "a-{{$.inputs.parameters['n']}}-{{$.inputs.parameters['no']}}", "n": 3}

    found = placeholders.with_references(given)

    assert found == {"name": "a-3-{{$.inputs.parameters['no']}}", "n": 3}


def test_driver_fills_the_run_only_where_it_is_the_whole_value():
    facts = {"pipeline_job_uuid": "1234"}

    assert placeholders.of_run("{{$.pipeline_job_uuid}}", facts) == "1234"
    assert placeholders.of_run("x-{{$.pipeline_job_uuid}}", facts) == "x-{{$.pipeline_job_uuid}}"
    assert placeholders.of_run("{{$.unheard_of}}", facts) == "{{$.unheard_of}}"
    assert placeholders.of_run(3, facts) == 3
