"""The work directory: its lock, its room, its runs."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import workdir
from pipeline.workdir import WorkDir
from trainer.errors import WorkDirError

HOLDER = """
import sys, time
from pathlib import Path
from pipeline import workdir
with workdir.opened(Path(sys.argv[1]), free_bytes=0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(workdir.__file__).parents[1],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_opening_makes_the_folder_and_leaves_no_probe(tmp_path):
    root = tmp_path / "a" / "b"
    with workdir.opened(root, free_bytes=0) as opened:
        assert opened == WorkDir(root)
        assert [path.name for path in root.iterdir()] == [".lock"]


def test_places_are_those_that_scripts_rely_on():
    places = WorkDir(Path("w"))
    assert places.metadata == Path("w/metadata.sqlite")
    assert places.latest == Path("w/latest")
    assert places.serving == Path("w/serving")
    folders = (places.artifacts, places.runs, places.checkpoints, places.sample_data)
    assert [folder.name for folder in folders] == [
        "artifacts",
        "runs",
        "checkpoints",
        "sample_data",
    ]


def test_second_run_is_told_who_holds_it_and_what_to_do(tmp_path, holder):
    with pytest.raises(WorkDirError) as caught, workdir.opened(tmp_path, free_bytes=0):
        pass
    assert f"in use by another run (process {holder.pid})" in str(caught.value)
    assert f"`kill {holder.pid}`" in str(caught.value)
    assert "another --work-dir" in str(caught.value)


def test_killed_run_leaves_nothing_that_blocks(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with workdir.opened(tmp_path, free_bytes=0):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_lock_is_released_when_the_run_ends(tmp_path):
    for _ in range(2):
        with workdir.opened(tmp_path, free_bytes=0):
            pass


def test_lock_is_released_when_the_run_fails(tmp_path):
    with pytest.raises(RuntimeError), workdir.opened(tmp_path, free_bytes=0):
        raise RuntimeError
    with workdir.opened(tmp_path, free_bytes=0):
        pass


def test_file_in_the_way_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WorkDirError, match="file/w cannot be written"),
        workdir.opened(tmp_path / "file" / "w", free_bytes=0),
    ):
        pass


def test_folder_that_cannot_be_written_is_a_clear_error():
    # /proc is a folder in which nobody, root included, can make a file.
    with (
        pytest.raises(WorkDirError, match="--work-dir /proc cannot be written"),
        workdir.opened(Path("/proc"), free_bytes=0),
    ):
        pass


def test_too_little_room_names_what_there_is_and_what_is_needed(tmp_path):
    with (
        pytest.raises(WorkDirError, match=r"GB free and a run needs 1000000\.0 GB"),
        workdir.opened(tmp_path, free_bytes=10**15),
    ):
        pass


def test_runs_that_start_together_get_folders_of_their_own_that_sort_by_age(tmp_path):
    runs = [WorkDir(tmp_path).new_run() for _ in range(3)]
    assert all(run.is_dir() and run.parent == tmp_path / "runs" for run in runs)
    assert [run.name for run in runs] == sorted({run.name for run in runs})
    assert re.fullmatch(r"\d{8}-\d{6}", runs[0].name)


def test_latest_follows_the_last_run_and_moves_with_the_folder(tmp_path):
    places = WorkDir(tmp_path / "w")
    for _ in range(2):
        run = places.new_run()
        places.point_latest_at(run)
        assert places.latest.resolve() == run.resolve()
    moved = (tmp_path / "w").rename(tmp_path / "moved")
    assert (moved / "latest").resolve() == moved / "runs" / run.name


def test_latest_survives_a_run_that_was_killed_while_it_moved_the_link(tmp_path):
    places = WorkDir(tmp_path)
    (tmp_path / ".latest").symlink_to("runs/gone")
    run = places.new_run()
    places.point_latest_at(run)
    assert places.latest.resolve() == run


def test_work_directory_that_a_run_holds_is_told_without_touching_it(tmp_path):
    workdir.check_free(tmp_path / "w")
    assert not (tmp_path / "w").exists()
    with (
        workdir.opened(tmp_path / "w", free_bytes=0),
        pytest.raises(WorkDirError, match=r"is in use by another run \(process \d+\)"),
    ):
        workdir.check_free(tmp_path / "w")
    workdir.check_free(tmp_path / "w")
