"""Pusher pushes what both gates have blessed, keeps a card of it, and points at it."""

import json

import pytest

from components import blessed, gates, releases
from components.gates import Gate, Verdict

pytestmark = pytest.mark.graph

EVALUATION = {"judged": "judged-1", "metrics": {"": {"accuracy": 0.9}}}
CHECK = Gate("accuracy", 0.9, {"min": 0.8}, True, "Accuracy 0.9000 is at least 0.8.")


@pytest.fixture
def pointer(tmp_path):
    return tmp_path / "blessed" / "m.json"


@pytest.fixture
def base(tmp_path):
    return tmp_path / "serving" / "m"


@pytest.fixture
def push(tmp_path, base, pointer):
    """Pushes a model, and answers the artifact that tells of it."""
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts
    from tfx.utils import json_utils, proto_utils

    from components.pusher_step import PusherExecutor

    def artifact(kind, name, **properties):
        made = kind()
        made.uri = str(tmp_path / name)
        (tmp_path / name).mkdir(exist_ok=True)
        for key, value in properties.items():
            made.set_int_custom_property(key, value)
        return made

    def push(*, is_blessed=True, is_servable=True, keep_versions=5, reason="", terms=None):
        model = artifact(standard_artifacts.Model, "model")
        graph = tmp_path / "model" / "Format-Serving" / "saved_model.pb"
        graph.parent.mkdir(exist_ok=True)
        graph.write_bytes(b"graph")
        judged = artifact(standard_artifacts.ModelBlessing, "judged", blessed=int(is_blessed))
        gates.write(tmp_path / "judged", Verdict([CHECK], "", reason))
        (tmp_path / "judged" / "evaluation.json").write_text(json.dumps(EVALUATION))
        served = artifact(standard_artifacts.InfraBlessing, "served", blessed=int(is_servable))
        (tmp_path / "served" / "serving.json").write_text('{"load_seconds": 1.5}')
        pushed = artifact(standard_artifacts.PushedModel, "pushed")
        destination = tfx.proto.PushDestination()
        destination.filesystem.base_directory = str(base)
        config = {"pointer": str(pointer), "keep_versions": keep_versions}
        config["terms"] = json.dumps(terms) if terms else ""
        PusherExecutor().Do(
            {"model": [model], "model_blessing": [judged], "infra_blessing": [served]},
            {"pushed_model": [pushed]},
            {
                "push_destination": proto_utils.proto_to_json(destination),
                "custom_config": json_utils.dumps(config),
            },
        )
        return pushed

    return push


def test_blessed_model_is_pushed_and_pointed_at(push, base, pointer):
    pushed = push()
    [version] = releases.versions(base)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == str(version)
    assert pushed.get_string_custom_property("pushed_destination") == str(base / str(version))
    found = blessed.read(str(pointer))
    assert found
    assert found == releases.card(base / str(version))
    assert (found.version, found.judged, found.forced) == (version, "judged-1", "")
    assert found.metrics == {"": {"accuracy": 0.9}}
    assert found.serving == {"load_seconds": 1.5}


@pytest.mark.parametrize("refusal", ["is_blessed", "is_servable"])
def test_model_that_a_gate_refuses_is_not_pushed(push, base, pointer, refusal):
    pushed = push(**{refusal: False})
    assert pushed.get_int_custom_property("pushed") == 0
    assert not base.exists()
    assert not pointer.exists()


def test_reason_for_forcing_a_model_stays_with_it(push, base):
    push(reason="the old one has a bug")
    [version] = releases.versions(base)
    card = releases.card(base / str(version))
    assert card
    assert card.forced == "the old one has a bug"


def test_latest_versions_are_kept_and_each_push_has_a_version_of_its_own(push, base, pointer):
    for _ in range(4):
        push(keep_versions=2)
    versions = releases.versions(base)
    assert len(versions) == 2
    found = blessed.read(str(pointer))
    assert found
    assert found.version == versions[-1]


def test_full_disk_ends_the_step_before_anything_is_served(push, base, pointer, monkeypatch):
    from components import pusher_step

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pusher_step.io_utils, "copy_dir", full)
    with pytest.raises(OSError, match="No space left"):
        push()
    assert not base.exists()
    assert not pointer.exists()


def test_model_is_pushed_though_an_earlier_version_cannot_be_removed(push, base, monkeypatch):
    def stuck(base, *, keep):
        raise OSError("busy")

    monkeypatch.setattr(releases, "prune", stuck)
    assert push().get_int_custom_property("pushed") == 1
    assert len(releases.versions(base)) == 1


def test_verdicts_may_lie_in_a_bucket(push, base, tmp_path, monkeypatch):
    from components import pusher_step

    read = pusher_step.io_utils.read_string_file
    asked = []
    monkeypatch.setattr(
        pusher_step.io_utils,
        "read_string_file",
        lambda uri: (asked.append(uri.rpartition("/")[2]), read(uri))[1],
    )
    push()
    assert sorted(asked) == ["evaluation.json", "serving.json", "verdict.json"]


def test_model_that_was_made_from_the_same_is_not_pushed_twice(push, base):
    first = push(terms={"made_from": "a"})
    again = push(terms={"made_from": "a"})
    [version] = releases.versions(base)
    for pushed in (first, again):
        assert pushed.get_int_custom_property("pushed") == 1
        assert pushed.get_string_custom_property("pushed_version") == str(version)
    card = releases.card(base / str(version))
    assert card
    assert card.terms == {"made_from": "a"}


def test_other_model_is_pushed_and_so_is_the_first_after_it(push, base):
    for made_from in ("a", "b", "a"):
        push(terms={"made_from": made_from})
    assert len(releases.versions(base)) == 3


def test_withdrawn_model_does_not_come_back_by_itself(push, base):
    push(terms={"made_from": "a"})
    [version] = releases.versions(base)
    releases.withdraw(base, version)
    again = push(terms={"made_from": "a"})
    assert releases.versions(base) == []
    assert again.get_string_custom_property("pushed_version") == str(version)
