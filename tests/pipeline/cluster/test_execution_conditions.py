"""Conditions as kfp and TFX write them."""

import pytest

from pipeline.cluster.execution_conditions import evaluate

INPUTS = {
    "inputs": {
        "parameter_values": {"side": "heads", "n": 5, "share": 0.5, "on": True, "list": [1, 2]},
        "artifacts": {"model": {"artifacts": [{"uri": "gs://b/m", "metadata": {"blessed": 1}}]}},
    }
}


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.parameter_values['side'] == 'heads'",
        "!(inputs.parameter_values['side'] == 'tails')",
        "int(inputs.parameter_values['n']) > 4 && inputs.parameter_values['share'] <= 0.5",
        "inputs.parameter_values['side'] == 'x' || inputs.parameter_values['on'] == true",
        "inputs.parameter_values['side'] != \"a && !b || null\"",
        "inputs.artifacts['model'].artifacts[0].metadata['blessed'] == 1.0",
        "(inputs.artifacts['model'].artifacts[0].uri == 'gs://b/' + 'm')",
        "2 in inputs.parameter_values['list'] && size(inputs.parameter_values['list']) == 2",
        "-1 < inputs.parameter_values['n'] && inputs.parameter_values['n'] >= 5",
    ],
)
def test_condition_that_holds(condition):
    assert evaluate(condition, INPUTS) is True
    assert evaluate(f"!({condition})", INPUTS) is False


def test_truth_is_equal_to_no_number():
    assert evaluate("inputs.parameter_values['on'] == 1", INPUTS) is False
    assert evaluate("inputs.parameter_values['on'] != 1", INPUTS) is True


def test_selector_reads_json():
    value = {"string_value": '{"a": [1, {"b": "deep"}]}'}

    assert evaluate('parseJson(string_value)["a"][1]["b"]', value) == "deep"


@pytest.mark.parametrize(
    "expression",
    [
        "inputs.parameter_values['absent'] == 1",
        "inputs.parameter_values['side'] < 3",
        "inputs.parameter_values[",
        "__import__('os').getcwd()",
        "[x for x in inputs]",
        "inputs.parameter_values['n'] is 5",
    ],
)
def test_what_has_no_value_is_an_error_that_names_it(expression):
    with pytest.raises(ValueError, match=r"expression|condition"):
        evaluate(expression, INPUTS)
