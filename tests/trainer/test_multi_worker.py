"""Two processes that train together over loopback, and the ways in which that can fail."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from trainer import multi_worker
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SIZE = 75
LABELS = ("cold", "warm")
CACHED = {
    "image": {"size": SIZE},
    "model": {"cut": "mixed0"},
    "train": {"epochs": 3, "batch_size": 7, "learning_rate": 0.02, "strategy": "auto"},
}
# Changed views, a head that normalises, and a base that runs at every step.
LIVE = {
    "image": {"size": SIZE},
    "model": {"cut": "mixed0"},
    "augment": {"enabled": True},
    "train": {"base": "live", "epochs": 2, "batch_size": 7, "learning_rate": 0.02},
}

WORKER = """
import json, logging, os, signal, sys
from pathlib import Path
import numpy as np
job = json.loads(sys.argv[1])
from trainer import multi_worker, training, workers
from trainer.errors import FrostlineError
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

workers.JOIN_SECONDS = 60
multi_worker.HEARTBEAT_SECONDS = 5

class Dying(logging.Handler):
    def emit(self, record):
        if record.progress.unit == "steps" and record.progress.done == job["dies_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

logging.getLogger("frostline.progress").setLevel(logging.INFO)
logging.getLogger("frostline.progress").addHandler(Dying())
run_dir = Path(job["run_dir"])
try:
    classifier = training.train(training.Job(
        settings=TrainerSettings.model_validate(job["settings"]),
        examples=Examples(job["train_files"], job["eval_files"], job["labels"]),
        features=job["features"] and Path(job["features"]),
        weights=None,
        checkpoints=Path(job["checkpoints"]),
        run_dir=run_dir,
    ))
except FrostlineError as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(2)
np.savez(run_dir / f"head-{job['place']}.npz", *classifier.head.get_weights())
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def addresses(count):
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def tf_config(listed, place):
    task = {"type": "worker", "index": place}
    return json.dumps({"cluster": {"worker": listed}, "task": task})


@contextmanager
def started(job, place=0, listed=()):
    """A process that trains a job; of several where `listed` names their addresses."""
    environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if listed:
        environ["TF_CONFIG"] = tf_config(listed, place)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps({**job, "place": place})],
        cwd=Path(multi_worker.__file__).parents[1],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def together(job, *, dies_after=(0, 0)):
    """Exit code, output and errors of two workers."""
    listed = addresses(2)
    jobs = [{**job, "dies_after": steps} for steps in dies_after]
    with started(jobs[0], 0, listed) as first, started(jobs[1], 1, listed) as second:
        told = [each.communicate(timeout=200) for each in (first, second)]
        return [
            (each.returncode, *words) for each, words in zip((first, second), told, strict=True)
        ]


def alone(job):
    with started(job) as process:
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors[-3000:]


@pytest.fixture(scope="module")
def make_job(make_images, write_examples, freeze, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    # 22 images in batches of 7: the pieces of two workers are never of one size.
    images = make_images(folder / "images", classes=LABELS, count=11)
    shards = write_examples(images, folder / "train", size=SIZE)
    files = {"train_files": shards, "eval_files": shards[:1]}

    def make(settings):
        chosen = TrainerSettings.model_validate(settings)
        run_dir = tmp_path_factory.mktemp("job")
        frozen = None
        if chosen.train.base == "cached":
            frozen = freeze(tmp_path_factory.mktemp("frozen") / "set", chosen, **files)
        return {
            **files,
            "labels": LABELS,
            "settings": settings,
            "features": frozen and str(frozen),
            "checkpoints": str(run_dir / "checkpoints" / "key"),
            "run_dir": str(run_dir),
            "dies_after": 0,
        }

    return make


def history(job):
    return json.loads(Path(job["run_dir"], "history.json").read_text())["epochs"]


def head(job, place=0):
    with np.load(Path(job["run_dir"], f"head-{place}.npz")) as stored:
        return [stored[name] for name in stored.files]


def assert_same_training(job, reference):
    """Only the order of additions differs: 1 in 10,000 of a weight's largest value."""
    for mine, theirs in zip(history(job), history(reference), strict=True):
        assert mine["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-4)
        assert mine["val_accuracy"] == theirs["val_accuracy"]
        # Keras counts an image of a smaller piece for more here, and a repeated one too.
        assert mine["accuracy"] == pytest.approx(theirs["accuracy"], abs=0.05)
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=0.1)
    for mine, theirs in zip(head(job), head(reference), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-4 * float(np.abs(theirs).max()))


@pytest.mark.parametrize("settings", [CACHED, LIVE], ids=["cached", "live"])
def test_two_workers_learn_what_one_process_learns(make_job, settings):
    reference, job = make_job(settings), make_job(settings)
    alone(reference)
    for code, _, errors in together(job):
        assert code == 0, errors[-3000:]
    assert_same_training(job, reference)
    # The other worker has the same model, and has left nothing where the chief writes.
    assert all(map(np.array_equal, head(job), head(job, place=1)))
    names = {path.name for path in Path(job["run_dir"]).iterdir()}
    assert names - {"head-1.npz"} == {path.name for path in Path(reference["run_dir"]).iterdir()}
    assert history(job)[0]["loss"] != pytest.approx(history(job)[-1]["loss"], rel=0.05)


def test_a_killed_worker_ends_the_other_soon_and_both_go_on_when_started_again(make_job):
    reference, job = make_job(CACHED), make_job(CACHED)
    alone(reference)
    started_at = time.monotonic()
    # 22 images and their mirror images are 7 steps: amid the second epoch.
    (code, said, errors), (killed, _, _) = together(job, dies_after=(0, 9))
    assert killed == -signal.SIGKILL
    assert code == 2, errors[-3000:]
    assert time.monotonic() - started_at < 90
    assert said.startswith("WorkerError worker 1 (127.0.0.1:")
    assert "stopped while worker 0 (127.0.0.1:" in said
    assert "Start all workers again" in said
    assert len(json.loads(Path(job["checkpoints"], "state.json").read_text())["epochs"]) == 1
    for code, _, errors in together(job):
        assert code == 0, errors[-3000:]
    assert_same_training(job, reference)


def test_workers_that_read_different_folders_are_told_so(make_job, tmp_path):
    job = make_job(CACHED)
    listed = addresses(2)
    other = {**job, "checkpoints": str(tmp_path / "elsewhere")}
    with started(job, 0, listed) as first, started(other, 1, listed) as second:
        for process in (first, second):
            said, errors = process.communicate(timeout=100)
            assert process.returncode == 2, errors[-3000:]
            assert said.startswith("WorkerError the workers do not agree on settings and files")
            assert "mount the same volume" in said
