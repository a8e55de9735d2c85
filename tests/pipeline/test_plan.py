"""A plan is made of what is there; nothing is written, and nothing downloaded."""

import pytest

from pipeline import cli, plan, workdir
from pipeline.config import Config
from trainer.errors import DataError, WorkDirError

pytestmark = pytest.mark.graph


@pytest.fixture
def images(make_images, tmp_path):
    return make_images(tmp_path / "data", count=8)


def config(**settings):
    return Config.model_validate({"model": {"weights": "random"}, **settings})


def test_first_run_takes_every_step_for_nobody_knows_how_long(images, tmp_path):
    made = plan.make(plan.Question(config(), str(images), None), tmp_path / "w")
    assert {step.state for step in made.steps} == {"runs"}
    assert {reason.text for step in made.steps for reason in step.reasons} == {"first run"}
    assert [step.name for step in made.steps][-1] == "ServingGate"  # Untrained: nothing is pushed.
    assert (made.files, made.files_before, made.seconds) == (16, None, None)
    assert made.is_possible
    assert not (tmp_path / "w").exists()


def test_weights_that_are_not_there_are_told_and_not_downloaded(images, tmp_path, monkeypatch):
    monkeypatch.delenv("FROSTLINE_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    question = plan.Question(config(model={"weights": "auto"}), str(images), None)
    made = plan.make(question, tmp_path / "w")
    assert [note for note in made.notes if "downloads the base's weights, 88 MB" in note]
    assert made.steps[-1].name == "Pusher"
    assert not (tmp_path / "keras").exists()


def test_sample_that_is_not_drawn_yet_is_not_drawn(tmp_path):
    made = plan.make(plan.Question(config(), None, None), tmp_path / "w")
    assert made.files is None
    assert "the sample's pictures are drawn first" in made.notes
    assert not (tmp_path / "w").exists()


def test_what_a_run_would_refuse_is_refused(images, tmp_path):
    with pytest.raises(DataError):
        plan.make(plan.Question(config(), str(tmp_path / "none"), None), tmp_path / "w")
    question = plan.Question(config(), str(images), None)
    with (
        workdir.opened(tmp_path / "w", free_bytes=0),
        pytest.raises(WorkDirError, match="in use by another run"),
    ):
        plan.make(question, tmp_path / "w")


def test_too_little_room_is_an_exit_code(images, tmp_path, monkeypatch, capsys):
    words = ["plan", "--data", str(images), "--work-dir", str(tmp_path / "w")]
    words += ["--weights", "random"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next  frostline run {' '.join(words[1:])}"
    monkeypatch.setattr("pipeline.preflight.free_bytes", lambda *_: 10**18)
    assert cli.main(words) == cli.USAGE
    assert "A run would not come through" in capsys.readouterr().out
