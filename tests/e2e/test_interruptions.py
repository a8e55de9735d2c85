"""Runs that are stopped, killed or locked out, and what the next run makes of it.

The runs share a work directory and come one after another, as the fixtures are asked for.
"""

import json
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

EPOCHS = 200
SECONDS_TO_STOP = 15


@pytest.fixture(scope="module")
def start(frostline, split_images, made_weights, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("interrupted") / "w"

    def run():
        return frostline.start(
            data=split_images,
            work_dir=work_dir,
            weights=made_weights,
            settings={"train.epochs": EPOCHS, "train.early_stopping_patience": 0},
        )

    return run


@pytest.fixture(scope="module")
def stop(start):
    """Stops a run when it has come so far; answers the run and how long it took to stop."""

    def stopped(has_come, number):
        running = start()
        running.wait_until(lambda: has_come(running.work_dir))
        asked = time.monotonic()
        running.kill(number)
        return running.end(timeout=120), time.monotonic() - asked

    return stopped


@pytest.fixture(scope="module")
def in_ingestion(stop):
    return stop(writes("ImageExampleGen/examples"), signal.SIGINT)


@pytest.fixture(scope="module")
def in_transform(in_ingestion, stop):
    return stop(writes("Transform/transform_graph"), signal.SIGINT)


@pytest.fixture(scope="module")
def in_training(in_transform, stop):
    return stop(trains_on(in_transform), signal.SIGINT)


@pytest.fixture(scope="module")
def terminated(in_training, stop):
    return stop(trains_on(in_training), signal.SIGTERM)


@pytest.fixture(scope="module")
def killed(terminated, stop):
    run, _ = stop(trains_on(terminated), signal.SIGKILL)
    return run, epochs_done(run.work_dir)


@pytest.fixture(scope="module")
def finished(killed, start):
    return start().end()


def writes(output):
    """Whether a run has begun to write an output of a step."""
    return lambda work_dir: list(work_dir.glob(f"artifacts/{output}/*"))


def trains_on(interrupted):
    """Whether a run has trained an epoch more than the one before it."""
    before = epochs_done(interrupted[0].work_dir)
    return lambda work_dir: epochs_done(work_dir) > before


def epochs_done(work_dir):
    """Whole epochs in the one checkpoint that there may be."""
    states = [json.loads(path.read_text()) for path in work_dir.glob("checkpoints/*/state.json")]
    assert len(states) <= 1
    return len(states[0]["epochs"]) if states else 0


def check_interrupted(run, seconds, *, step):
    assert run.exit_code == 130
    assert seconds < SECONDS_TO_STOP
    assert "Traceback" not in run.stdout + run.stderr
    assert "INTERRUPTED" in run.stdout
    assert run.summary["status"] == "interrupted"
    assert run.summary["error"]["step"] == step
    assert run.states[step] == "failed"
    assert run.states["Pusher"] == "skipped"
    assert not run.versions
    leftovers = [path for path in (run.work_dir / "artifacts" / step).glob("*/*") if path.is_dir()]
    assert not [path for path in leftovers if path.parent.name != ".system"]


def test_ctrl_c_in_ingestion_stops_cleanly(in_ingestion):
    check_interrupted(*in_ingestion, step="ImageExampleGen")


def test_ctrl_c_in_transform_stops_cleanly(in_transform):
    check_interrupted(*in_transform, step="Transform")


def test_ctrl_c_in_training_keeps_the_checkpoint(in_training):
    run, seconds = in_training
    check_interrupted(run, seconds, step="Trainer")
    assert run.states["Transform"] == "ran"
    assert 0 < epochs_done(run.work_dir) < EPOCHS


def test_sigterm_is_like_ctrl_c(terminated):
    run, seconds = terminated
    check_interrupted(run, seconds, step="Trainer")
    assert run.states["Transform"] == "cached"


def test_killed_run_leaves_the_summary_of_the_run_before(killed, terminated):
    run, _ = killed
    assert run.exit_code == -signal.SIGKILL
    assert run.summary["run_id"] == terminated[0].summary["run_id"]


def test_next_run_goes_on_where_the_killed_one_stopped(killed, finished):
    assert finished.exit_code == 0
    assert finished.states["Transform"] == "cached"
    assert finished.states["Trainer"] == "ran"
    epochs = [row["epoch"] for row in finished.summary["training"]["epochs"]]
    assert epochs == list(range(1, EPOCHS + 1))
    assert len(finished.versions) == 1
    assert not list(finished.work_dir.glob("checkpoints/*"))
    # Only what was left is trained: the log counts the epochs that this run has done.
    assert f"epoch {killed[1]}/{EPOCHS}" not in Path(finished.summary["log"]).read_text()


def test_second_run_in_the_same_place_names_the_first(start, finished):
    holder = start()
    lock = holder.work_dir / ".lock"
    holder.wait_until(lambda: lock.read_text() == str(holder.process.pid))
    try:
        second = start().end()
    finally:
        holder.kill(signal.SIGKILL)
        holder.end()
    assert second.exit_code == 2
    assert f"in use by another run (process {holder.process.pid})" in second.stderr
    assert not second.stdout
