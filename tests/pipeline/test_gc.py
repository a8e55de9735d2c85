"""What no kept run uses goes; what is served, was run last or is linked to stays."""

import os
import time

import pytest

from pipeline import gc, workdir
from pipeline.past_runs import PastRuns
from trainer.errors import WorkDirError

LONG_AGO = 1_000_000_000
LAST = "freed 0.0 GB"


def write(path, content=b"12345"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def aged(folder):
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def artifact(work_dir, recorder):
    """Puts out `artifacts/<step>/<output>/<number>` in a run."""

    def put_out(run, kind, number, **properties):
        folder = work_dir.artifacts / kind / "output" / str(number)
        write(folder / "file")
        return folder, recorder.output(run, kind, folder, **properties)

    return put_out


@pytest.fixture
def collected(work_dir):
    """Collects, and answers the folders that have gone, relative to the work directory."""

    def collect(*, keep_runs=1, is_dry=False):
        before = {path for path in work_dir.root.rglob("*") if path.is_dir()}
        lines = gc.collect(work_dir.root, keep_runs=keep_runs, is_dry=is_dry)
        gone = {path for path in before if not path.exists()}
        tops = {path for path in gone if path.parent not in gone}
        return {str(path.relative_to(work_dir.root)) for path in tops}, lines

    return collect


def test_artifacts_of_runs_that_are_not_kept_go(recorder, artifact, collected):
    old, _ = artifact(recorder.run("1"), "Model", 1)
    new, _ = artifact(recorder.run("2"), "Model", 2)
    assert collected() == ({"artifacts/Model/output/1"}, ["artifacts: 1 folders, 0.0 GB", LAST])
    assert new.exists()
    assert not old.exists()


def test_as_many_runs_are_kept_as_asked_for(recorder, artifact, collected):
    for number in range(4):
        artifact(recorder.run(str(number)), "Model", number)
    assert collected(keep_runs=3)[0] == {"artifacts/Model/output/0"}


def test_artifact_that_a_kept_run_took_from_the_cache_stays(recorder, artifact, collected):
    folder, model = artifact(recorder.run("1"), "Model", 1)
    recorder.put_out(recorder.run("2"), recorder.execution("CACHED"), model)
    assert collected()[0] == set()
    assert folder.exists()


def test_run_that_pushed_last_is_kept_however_old_it_is(recorder, artifact, collected, work_dir):
    pushing = recorder.run("1")
    model, _ = artifact(pushing, "Model", 1)
    artifact(pushing, "PushedModel", 2, pushed=1)
    for number in (2, 3):
        artifact(recorder.run(str(number)), "Model", 10 * number)
    version = write(work_dir.serving / "m" / "7" / "saved_model.pb")
    assert collected()[0] == {"artifacts/Model/output/20"}
    assert model.exists()
    assert version.exists()


def test_segments_go_that_no_kept_features_are_linked_to(recorder, artifact, collected, work_dir):
    used = write(work_dir.features / "base" / "used" / "pooled.bin")
    write(work_dir.features / "base" / "unused" / "pooled.bin")
    write(work_dir.features / "other" / "unused" / "pooled.bin")
    folder, _ = artifact(recorder.run("1"), "FrozenFeatures", 1)
    link = folder / "segments" / "used" / "pooled.bin"
    link.parent.mkdir(parents=True)
    link.hardlink_to(used)
    assert collected()[0] == {"features/base/unused", "features/other"}


def test_spans_go_that_no_kept_examples_are_linked_to(recorder, artifact, collected, work_dir):
    used, unused = (
        write(work_dir.ingested / name / "Split-train" / "data.gz") for name in ("used", "unused")
    )
    folder, _ = artifact(recorder.run("1"), "Examples", 1)
    link = folder / "Split-train" / "data.gz"
    link.parent.mkdir()
    link.hardlink_to(used)
    for piece in (used, unused):
        aged(piece.parents[1])
    assert collected()[0] == {"ingested/unused"}


def test_interrupted_training_goes_once_it_is_older_than_the_kept_runs(
    recorder, artifact, collected, work_dir
):
    artifact(recorder.run("1"), "Model", 1)
    write(work_dir.checkpoints / "fresh" / "state.json")
    write(work_dir.checkpoints / "stale" / "state.json")
    aged(work_dir.checkpoints / "stale")
    assert collected()[0] == {"checkpoints/stale"}


def test_dry_run_tells_and_removes_nothing(recorder, artifact, collected):
    old, _ = artifact(recorder.run("1"), "Model", 1)
    artifact(recorder.run("2"), "Model", 2)
    assert collected(is_dry=True) == (set(), ["artifacts: 1 folders, 0.0 GB", "would free 0.0 GB"])
    assert old.exists()


def test_link_frees_nothing_while_another_is_kept(tmp_path):
    first = write(tmp_path / "a" / "file", bytes(3_000_000))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").hardlink_to(first)
    garbage = [gc.Garbage("a", tmp_path / "a"), gc.Garbage("b", tmp_path / "b")]
    assert sum(gc.freed([each.folder for each in garbage[:1]]).values()) == 0
    assert sum(gc.freed([each.folder for each in garbage]).values()) == 3_000_000


def test_folder_without_runs_is_an_error(tmp_path):
    with pytest.raises(WorkDirError, match="holds no runs"):
        gc.collect(tmp_path, keep_runs=1, is_dry=False)
    assert not list(tmp_path.iterdir())


def test_work_directory_of_a_running_run_is_left_alone(recorder, artifact, work_dir):
    artifact(recorder.run("1"), "Model", 1)
    with (
        workdir.opened(work_dir.root, free_bytes=0),
        pytest.raises(WorkDirError, match="in use by another run"),
    ):
        gc.collect(work_dir.root, keep_runs=1, is_dry=False)


def test_since_is_when_the_oldest_kept_run_began(recorder, work_dir):
    before = time.time()
    recorder.run("1")
    assert before - 1 <= PastRuns(work_dir).latest(1).since <= time.time() + 1
    assert PastRuns(work_dir).latest(1).folders == set()
