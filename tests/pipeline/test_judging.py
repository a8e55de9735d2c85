"""What the data gate is told changes with the data, the code, the schema and the bounds."""

from dataclasses import dataclass

import pytest

from pipeline import judging
from pipeline.config import Config
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class Sources:
    """What judging looks at."""

    data_digest: str = "data-1"
    code_digest: str = "code-1"


@pytest.fixture
def prepare(tmp_path):
    def prepared(settings=None, *, reason=None, **sources):
        return judging.prepare(
            Config.model_validate(settings or {}),
            Sources(**sources),  # pyright: ignore[reportArgumentType]
            WorkDir(tmp_path),
            accept_reason=reason,
        )

    return prepared


def test_same_data_are_judged_alike(prepare):
    assert prepare() == prepare()


@pytest.mark.parametrize(
    "changed",
    [
        {"data_digest": "data-2"},
        {"code_digest": "code-2"},
        {"settings": {"data": {"eval_fraction": 0.3}}},
        {"settings": {"gate": {"max_mix_drift": 0.3}}},
    ],
)
def test_anything_that_matters_changes_the_fingerprint(prepare, changed):
    assert prepare(**changed).fingerprint != prepare().fingerprint


def test_model_settings_do_not_change_the_fingerprint(prepare):
    assert prepare({"train": {"epochs": 3}}).fingerprint == prepare().fingerprint


def test_reason_is_part_of_the_terms(prepare):
    assert prepare().terms.accept_reason == ""
    assert prepare(reason="they are fine").terms.accept_reason == "they are fine"


def test_frozen_schema_is_imported_by_its_content(prepare, tmp_path):
    before = prepare()
    frozen = WorkDir(tmp_path).schema
    frozen.parent.mkdir()
    frozen.write_text('feature { name: "a" }')
    first = prepare()
    assert before.schema_file is None
    assert first.schema_file is not None
    assert first.schema_file.read_text() == 'feature { name: "a" }'
    frozen.write_text('feature { name: "b" }')
    assert prepare().schema_file != first.schema_file
    assert len({each.fingerprint for each in (before, first, prepare())}) == 3
