"""Values of runtime parameters: of the type that the compiled file declares, or refused."""

import pytest

from pipeline.cluster import runtime_parameters
from trainer.errors import ConfigError


def test_values_get_the_declared_types(compiled):
    words = ["data=gs://b/x=1", "epochs=5", "is_quick=true", 'words=["b", "c"]']
    assert runtime_parameters.values(compiled, words) == {
        "data": "gs://b/x=1",
        "epochs": 5,
        "is_quick": True,
        "words": ["b", "c"],
    }


def test_what_has_a_default_need_not_be_given(compiled):
    assert runtime_parameters.values(compiled, ["data=gs://b/x"]) == {"data": "gs://b/x"}
    with pytest.raises(ConfigError, match=r"needs --parameter data=VALUE, which has no default"):
        runtime_parameters.values(compiled, [])


def test_an_unknown_parameter_is_told_with_those_that_there_are(compiled):
    with pytest.raises(ConfigError, match=r"epoch: .* but data, epochs, is_quick, words"):
        runtime_parameters.values(compiled, ["data=x", "epoch=5"])


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("epochs=many", "a whole number"),
        ("epochs=1.5", "a whole number"),
        ("is_quick=1", "true or false"),
        ('words="b"', "a list in JSON"),
        ("epochs", "NAME=VALUE"),
        ("=5", "NAME=VALUE"),
    ],
)
def test_a_value_of_another_type_is_refused(compiled, word, told):
    with pytest.raises(ConfigError, match=f"--parameter {word} should be {told}"):
        runtime_parameters.values(compiled, ["data=x", word])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image: x\n", "it has no tasks"),
        ("root: {dag: {tasks: {a: {}}}}\nsteps: 3\n", 'no field named "steps"'),
        ("root: {dag: {tasks: {a: {}}}}\n---\nsteps: 3\n", 'no field named "steps"'),
    ],
)
def test_a_file_that_kfp_would_not_read_is_refused_with_the_way_to_one(tmp_path, text, told):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"is no compiled pipeline: .*{told}.*compile\.py"):
        runtime_parameters.values(file, [])
