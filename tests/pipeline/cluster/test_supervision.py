"""A step tells how it went: by its exit code, in a sentence, and by a record that stays."""

import os
import stat

import pytest

from pipeline.cluster import records, supervision
from pipeline.cluster.records import Output
from pipeline.cluster.task import Done, Made, Task
from pipeline.workdir import WorkDir
from trainer.errors import DataError, DataRefusedError, WeightsError

RUN = "74c1cc77-cb63-40c1-b00f-f4cd1c669a38"


@pytest.fixture
def supervise(tmp_path):
    """Supervises work; answers the exit code and the record that is left."""

    def supervised(work, step="Trainer"):
        state = tmp_path / "state"
        task = Task(step=step, run=RUN, key="key", state=state)
        code = supervision.supervise(task, work)
        return code, records.read(records.folder_of(WorkDir(state), RUN), step)

    return supervised


def raising(error):
    def work():
        raise error

    return work


def test_step_that_ran_leaves_what_it_said_and_its_small_files(supervise, tmp_path):
    verdict = tmp_path / "blessing"
    verdict.mkdir()
    (verdict / "verdict.json").write_text("{}")
    (verdict / "large.bin").write_bytes(b"0" * 100)
    outputs = {
        "blessing": Made("ModelBlessing", verdict, {"blessed": 1.0}),
        "model": Made("Model", tmp_path, {}),
    }
    code, record = supervise(lambda: Done("made", {"pointer": "p"}, outputs))
    assert code == 0
    assert (record.state, record.key, record.made_from) == ("ran", "key", "made")
    assert record.values == {"pointer": "p"}
    assert record.outputs == {"blessing": Output("ModelBlessing", {"blessed": 1.0})}
    [run] = (tmp_path / "state" / "runs").iterdir()
    kept = records.folder(run, "Trainer") / "blessing"
    assert [path.name for path in kept.iterdir()] == ["verdict.json"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataRefusedError("the data did not pass"), 4),
        (DataError("there are no images"), 2),
        (WeightsError("there are no weights"), 2),
        (ValueError("nobody expected this"), 1),
        (KeyboardInterrupt(), 143),
        (SystemExit(7), 7),
    ],
)
def test_step_that_failed_leaves_its_error_and_its_exit_code(supervise, error, code):
    found, record = supervise(raising(error))
    assert found == record.exit_code == code
    assert record.state == "failed"
    assert record.error["type"] == type(error).__name__


def test_what_a_person_can_mend_is_a_sentence_and_no_traceback(supervise, capfd):
    supervise(raising(DataError("there are no images")))
    assert capfd.readouterr().err == "frostline: Trainer: there are no images\n"


def test_what_nobody_expected_shows_where_it_happened(supervise, capfd):
    _, record = supervise(raising(ValueError("nobody expected this")))
    assert "in work" in capfd.readouterr().err
    assert any("in work" in line for line in record.lines)


def test_running_step_is_on_record(supervise, tmp_path):
    seen = []

    def work():
        [run] = (tmp_path / "state" / "runs").iterdir()
        record = records.read(run, "Trainer")
        seen.append(record and record.state)
        return Done()

    supervise(work)
    assert seen == ["running"]


def test_steps_of_a_run_share_a_folder_whose_name_begins_with_the_time(supervise, tmp_path):
    supervise(Done, step="Prepare")
    supervise(Done, step="Trainer")
    [run] = (tmp_path / "state" / "runs").iterdir()
    assert run.name.endswith("-74c1cc77")
    assert run.name[:8].isdecimal()


def test_step_without_a_state_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert supervision.supervise(Task(step="Trainer", run=RUN), Done) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_state_that_the_pod_may_not_write_is_named(tmp_path, capfd):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    code = supervision.supervise(Task(step="Trainer", run=RUN, state=tmp_path / "s"), Done)
    assert code == 2
    assert str(tmp_path) in capfd.readouterr().err


def test_state_that_is_a_file_is_named(tmp_path, capfd):
    (tmp_path / "s").touch()
    code = supervision.supervise(Task(step="Trainer", run=RUN, state=tmp_path / "s"), Done)
    assert code == 2
    assert f"{tmp_path / 's'} cannot be written by this pod" in capfd.readouterr().err


def test_runs_without_an_id_are_told_apart_by_their_first_step(tmp_path):
    state = WorkDir(tmp_path)
    (state.runs / "20260101-000000-unknown").mkdir(parents=True)
    first = records.folder_of(state, "", is_first=True)
    assert first.name != "20260101-000000-unknown"
    assert records.folder_of(state, "") == first


def test_earlier_run_that_did_the_same_is_found(tmp_path):
    for name, made_from in (("1-a", "x"), ("2-b", "x"), ("3-c", "y"), ("4-d", "x")):
        record = records.StepRecord("Trainer", "ran", "then", key="k", made_from=made_from)
        records.write(tmp_path / name, record)
    found = records.earlier(tmp_path / "4-d", "Trainer", key="k", made_from="x")
    assert found == tmp_path / "2-b"
    assert records.earlier(tmp_path / "4-d", "Trainer", key="other", made_from="x") is None
