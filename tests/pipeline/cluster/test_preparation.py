"""Prepare tells the later steps of data, state and destination, and of every change in them."""

import json

import pytest

from components import blessed
from components.blessed import Blessed
from pipeline.config import Config
from pipeline.preflight import Weights
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError, DataError

pytestmark = pytest.mark.graph


@pytest.fixture
def data(make_images, tmp_path):
    return make_images(tmp_path / "data", count=2)


@pytest.fixture
def prepare(data, tmp_path):
    """Prepares a run with some runtime parameters and settings."""
    from pipeline.cluster import preparation

    def prepared(settings=None, *, state=tmp_path / "state", weights="random", **wishes):
        wanted = {
            "data": str(data),
            "span": "",
            "epochs": 3,
            "push_destination": "",
            "accept_data": "",
            "force_bless": "",
            **wishes,
        }
        return preparation.prepare(
            Config.model_validate(settings or {}),
            preparation.Wishes(**wanted),
            WorkDir(state),
            Weights(None, weights),
        )

    return prepared


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_same_data_lead_to_the_same(prepare):
    assert prepare() == prepare()


def test_new_file_changes_what_everything_is_keyed_by(prepare, data):
    before = prepare()
    (data / "cold" / "new.png").write_bytes((data / "cold" / "0.png").read_bytes())
    assert {"data_digest", "data_key", "gate_key", "model_key", "judgement_key"} <= changed(
        before, prepare()
    )


def test_epochs_change_the_model_and_not_the_data(prepare):
    expected = {"model_key", "judgement_key", "release"}
    assert changed(prepare(), prepare(epochs=4)) == expected


def test_settings_of_ingestion_change_the_data(prepare):
    before = prepare()
    assert "data_key" in changed(before, prepare({"data": {"eval_fraction": 0.4}}))


def test_latest_span_is_told_by_its_number(prepare, make_images, tmp_path):
    for span in ("span-9", "span-10"):
        make_images(tmp_path / "spans" / span, count=2)
    told = prepare(data=str(tmp_path / "spans"))
    assert told["span_range"] == "10..10"
    assert prepare(data=str(tmp_path / "spans"), span="9..10")["span_range"] == "9..10"


def test_test_split_is_judged_where_there_is_one(prepare):
    assert prepare()["judged_split"] == "eval"
    assert prepare({"data": {"test_fraction": 0.2}})["judged_split"] == "test"


def test_reasons_of_a_person_are_handed_on(prepare):
    told = prepare(accept_data="they are fine", force_bless="so is it")
    assert (told["accept_reason"], told["bless_reason"]) == ("they are fine", "so is it")


def test_model_is_pushed_into_the_state_unless_it_is_told_otherwise(prepare, tmp_path):
    state = WorkDir(tmp_path / "state")
    told = prepare()
    assert told["destination"] == str(state.serving / "frostline")
    assert told["pointer"] == str(state.blessed("frostline"))


def test_pointer_lies_beside_a_model_in_a_bucket(prepare, monkeypatch):
    monkeypatch.setattr(blessed, "text_of", lambda path: "")
    told = prepare(push_destination="gs://models/pets/")
    assert told["destination"] == "gs://models/pets"
    assert told["pointer"] == "gs://models/pets.blessed.json"


@pytest.mark.parametrize("destination", ["s3://models/pets", "minio://models", "models", "~/m"])
def test_destination_that_no_pod_can_write_is_refused(prepare, destination):
    with pytest.raises(ConfigError, match=f"push_destination = {destination}"):
        prepare(push_destination=destination)


def test_blessed_model_changes_what_the_model_is_judged_by_alone(prepare, tmp_path):
    before = prepare()
    pointer = WorkDir(tmp_path / "state").blessed("frostline")
    blessed.write(str(pointer), Blessed(1, str(tmp_path / "model"), "digest", {}))
    expected = {"baseline_fingerprint", "judgement_key", "release"}
    assert changed(before, prepare()) == expected


def test_model_that_is_served_is_judged_on_the_same_terms_again(prepare, tmp_path):
    before = prepare(force_bless="why")
    terms = json.loads(before["release"])
    pointer = WorkDir(tmp_path / "state").blessed("frostline")
    blessed.write(str(pointer), Blessed(1, str(tmp_path / "model"), "digest", {}, terms=terms))
    assert changed(before, prepare()) == set()


def test_curated_schema_that_the_graph_does_not_know_is_not_dropped(prepare, tmp_path):
    frozen = WorkDir(tmp_path / "state").schema
    frozen.parent.mkdir(parents=True)
    frozen.write_text("")
    with pytest.raises(ConfigError, match=f"gate.schema_file={frozen}"):
        prepare()


def test_curated_schema_changes_the_data_by_its_content(prepare, tmp_path):
    file = tmp_path / "schema.pbtxt"
    keys = set()
    for text in ("", 'feature { name: "a" }'):
        file.write_text(text)
        keys.add(prepare({"gate": {"schema_file": str(file)}})["data_key"])
    assert len(keys) == 2


def test_sample_is_the_same_in_every_pod(prepare, tmp_path):
    one, other = (prepare(data="", state=tmp_path / name) for name in ("a", "b"))
    assert one["data_path"] == str(WorkDir(tmp_path / "a").sample_data)
    assert one["data_digest"] == other["data_digest"]


@pytest.mark.parametrize("epochs", [0, -1])
def test_epochs_that_train_nothing_are_refused(prepare, epochs):
    with pytest.raises(ConfigError, match=f"epochs = {epochs}"):
        prepare(epochs=epochs)


def test_data_that_are_not_there_are_named(prepare, tmp_path):
    with pytest.raises(DataError, match="missing"):
        prepare(data=str(tmp_path / "missing"))
