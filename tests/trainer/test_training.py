"""A whole training on tiny data: what it learns, what it leaves, and how it goes on."""

import dataclasses
import json
import logging
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from trainer import backbone, dataset, model, training
from trainer.errors import WorkDirError
from trainer.progress import Progress
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

pytestmark = pytest.mark.graph

SIZE = 75
LABELS = ("cold", "warm")
# A plain head: what comes out of a training is what its last epoch says.
PLAIN = {"cut": "mixed0", "normalize": False, "l2": 0.0, "calibrate": False}
CACHED = {
    "image": {"size": SIZE},
    "model": PLAIN,
    "train": {"epochs": 3, "batch_size": 6, "learning_rate": 0.02, "early_stopping_patience": 0},
}
LIVE = {
    "image": {"size": SIZE},
    "model": PLAIN,
    "augment": {"enabled": True},
    "train": {"base": "live", "epochs": 3, "batch_size": 6, "learning_rate": 0.02},
}


@dataclass(frozen=True)
class Finished:
    """A classifier, its history.json, and the job that it came from."""

    classifier: model.Classifier
    history: dict
    job: training.Job


class InterruptedTrainingError(Exception):
    """Stands for whatever ends a training before its time."""


def changed(settings, **sections):
    """The settings with some keys of some sections set otherwise."""
    return settings | {name: settings.get(name, {}) | keys for name, keys in sections.items()}


@pytest.fixture(scope="module")
def make_job(make_images, write_examples, freeze, tmp_path_factory):
    files = {}

    def written(classes):
        if classes not in files:
            folder = tmp_path_factory.mktemp("data")
            images = make_images(folder / "images", classes=classes, count=10)
            train = write_examples(images, folder / "train", size=SIZE)
            files[classes] = train
        return files[classes]

    def make(settings, *, classes=LABELS):
        folder = tmp_path_factory.mktemp("job")
        shards = written(classes)
        chosen = TrainerSettings.model_validate(settings)
        files = {"train_files": shards, "eval_files": shards[:1]}
        is_cached = chosen.train.base == "cached"
        place = tmp_path_factory.getbasetemp() / f"frozen-{folder.name}"
        return training.Job(
            settings=chosen,
            examples=Examples(**files, labels=classes),
            features=freeze(place, chosen, **files) if is_cached else None,
            weights=None,
            checkpoints=folder / "checkpoints" / "key",
            run_dir=folder,
        )

    return make


def train(job):
    classifier = training.train(job)
    history = json.loads((job.run_dir / "history.json").read_text())
    return Finished(classifier, history, job)


@pytest.fixture(scope="module")
def cached(make_job):
    return train(make_job(CACHED))


@pytest.fixture(scope="module")
def live(make_job):
    return train(make_job(LIVE))


@pytest.fixture
def at_step():
    """Calls something when so many steps have been trained, the nth time that this is told."""
    logger = logging.getLogger("frostline.progress")
    handlers = []

    def install(call, *, steps, time=1):
        told = []

        class Listener(logging.Handler):
            def emit(self, record):
                progress: Progress = record.__dict__["progress"]
                if progress.unit == "steps" and progress.done == steps:
                    told.append(record)
                    if len(told) == time:
                        call()

        handlers.append(Listener())
        logger.addHandler(handlers[-1])

    before = logger.level
    logger.setLevel(logging.INFO)
    yield install
    logger.setLevel(before)
    for handler in handlers:
        logger.removeHandler(handler)


def interrupt():
    raise InterruptedTrainingError


def base_of(finished):
    return finished.classifier.encoder.get_layer(backbone.NAME)


def differing(one, other):
    """Names of the layers of two networks whose weights are not the same."""
    pairs = zip(one.layers, other.layers, strict=True)
    return {
        mine.name
        for mine, theirs in pairs
        if not all(map(np.array_equal, mine.get_weights(), theirs.get_weights()))
    }


def assert_same(one, other):
    assert one.history == other.history
    whole, again = one.classifier.whole.get_weights(), other.classifier.whole.get_weights()
    assert all(map(np.array_equal, whole, again))


def eval_scores(finished):
    """float32 scores [N, C or 1] and labels int64 [N] of the validation images."""
    job = finished.job
    [(pixels, labels, _)] = dataset.read(
        job.examples.eval_files, size=SIZE, labels=job.examples.labels
    )
    return finished.classifier.whole(pixels, training=False).numpy(), labels.numpy()


@pytest.mark.parametrize("which", ["cached", "live"])
def test_curve_has_a_row_an_epoch_and_the_loss_falls(which, request):
    history = request.getfixturevalue(which).history
    assert [row["epoch"] for row in history["epochs"]] == [1, 2, 3]
    losses = [row["loss"] for row in history["epochs"]]
    assert losses[-1] < losses[0] / 2
    assert history["epochs"][history["best_epoch"] - 1]["val_accuracy"] > 0.8


@pytest.mark.parametrize("which", ["cached", "live"])
def test_classifier_is_that_of_the_best_epoch(which, request):
    finished = request.getfixturevalue(which)
    scores, labels = eval_scores(finished)
    loss = np.asarray(keras.losses.BinaryCrossentropy()(labels[:, None], scores))
    best = min(row["val_loss"] for row in finished.history["epochs"])
    assert loss.item() == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("which", ["cached", "live"])
def test_run_dir_holds_curves_summary_and_logs_and_no_rows(which, request):
    job = request.getfixturevalue(which).job
    names = {path.name for path in job.run_dir.iterdir()}
    assert names == {
        "history.json",
        "parity.json",
        "curves.png",
        "model.txt",
        "train",
        "validation",
        "checkpoints",
    }
    assert list((job.run_dir / "train").glob("events.out.tfevents.*"))
    assert not job.checkpoints.exists()


def test_summary_tells_layers_and_what_is_trained(live):
    summary = (live.job.run_dir / "model.txt").read_text()
    assert "mixed0" in summary
    assert "scores" in summary
    assert "Non-trainable params" in summary


def test_frozen_base_is_the_same_however_long_it_ran(cached, live):
    # The cached base is never run in a training step, so it is what the live one began as.
    assert differing(base_of(cached), base_of(live)) == set()
    assert not base_of(live).trainable_variables


def test_other_seed_gives_another_curve(cached, make_job):
    other = train(make_job(changed(CACHED, train={"seed": 2, "epochs": 1})))
    assert other.history["epochs"][0]["loss"] != cached.history["epochs"][0]["loss"]


def test_training_interrupted_twice_ends_as_one_that_was_not(live, make_job, at_step):
    steps = 4  # 20 images in batches of 6
    job = make_job(LIVE)
    at_step(interrupt, steps=steps + 2)  # amid the second epoch
    with pytest.raises(InterruptedTrainingError):
        training.train(job)
    # After the last epoch was saved, before anything was written: told at its last step, too.
    at_step(interrupt, steps=3 * steps, time=2)
    with pytest.raises(InterruptedTrainingError):
        training.train(job)
    assert not (job.run_dir / "history.json").exists()
    assert_same(train(job), live)


KILLED_TRAINING = """
import json, logging, os, signal, sys
from pathlib import Path
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples
from trainer import checkpoints, training

checkpoints.SHARE = checkpoints.EACH_EPOCH

class Killer(logging.Handler):
    def emit(self, record):
        if record.progress.unit == "steps" and record.progress.done >= int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

logging.getLogger("frostline.progress").setLevel(logging.INFO)
logging.getLogger("frostline.progress").addHandler(Killer())
job = json.loads(sys.argv[1])
training.train(training.Job(
    settings=TrainerSettings.model_validate(job.pop("settings")),
    examples=Examples(**job.pop("examples")),
    features=Path(job.pop("features")),
    checkpoints=Path(job.pop("checkpoints")),
    run_dir=Path(job.pop("run_dir")),
    **job,
))
"""


def test_training_that_was_killed_goes_on_after_its_last_epoch(cached, make_job, at_step):
    steps = 7  # 20 images and their mirror images in batches of 6
    job = make_job(CACHED)
    plain = dataclasses.asdict(job) | {"settings": job.settings.model_dump(mode="json")}
    arguments = [json.dumps(plain, default=str), str(2 * steps + 1)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_TRAINING, *arguments],
        cwd=Path(training.__file__).parents[1],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    at_step(lambda: pytest.fail("the second epoch was trained again"), steps=2 * steps)
    assert_same(train(job), cached)


def test_three_classes_are_told_apart(make_job):
    finished = train(make_job(CACHED, classes=("cold", "mild", "warm")))
    scores, labels = eval_scores(finished)
    assert scores.shape == (len(labels), 3)
    assert set(labels) == {0, 1, 2}
    assert (scores.argmax(axis=1) == labels).mean() > 0.8


def test_thawed_kernels_learn_and_all_else_in_the_base_stays(live, make_job):
    sections = {
        "model": {"thaw_from": "conv2d_9"},
        "train": {"epochs": 1, "thaw_learning_rate": 0.1},
    }
    thawed = base_of(train(make_job(changed(LIVE, **sections))))
    names = [layer.name for layer in thawed.layers]
    above = {name for name in names[names.index("conv2d_9") :] if name.startswith("conv2d")}
    assert 1 < len(above) < sum(name.startswith("conv2d") for name in names)
    assert differing(base_of(live), thawed) == above


def test_flatten_head_learns_from_frozen_maps(make_job):
    flat = changed(CACHED, model={"head": "flatten"}, train={"learning_rate": 1e-3, "epochs": 4})
    finished = train(make_job(flat))
    scores, labels = eval_scores(finished)
    assert ((scores[:, 0] > 0.5) == labels).mean() > 0.8


def test_thawing_trains_above_the_features_and_leaves_what_is_below(make_job):
    sections = {
        "model": {"cut": "mixed1", "thaw_from": "mixed0"},
        "train": {"thaw_learning_rate": 1e-3, "learning_rate": 1e-2},
    }
    frozen = train(make_job(changed(CACHED, model={"cut": "mixed1"}, train={"epochs": 1})))
    finished = train(make_job(changed(CACHED, **sections)))
    names = [layer.name for layer in base_of(finished).layers]
    above = {name for name in names[names.index("mixed0") :] if name.startswith("conv2d")}
    assert differing(base_of(frozen), base_of(finished)) == above
    # The whole is what was trained: its loss from pixels is that of the best epoch.
    scores, labels = eval_scores(finished)
    loss = np.asarray(keras.losses.BinaryCrossentropy()(labels[:, None], scores))
    best = min(row["val_loss"] for row in finished.history["epochs"])
    assert loss.item() == pytest.approx(best, rel=2e-2, abs=1e-6)


def test_damaged_features_stop_the_training(make_job):
    job = make_job(CACHED)
    [path] = job.features.glob("segments/*/pooled.bin")
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WorkDirError, match="run the same command again"):
        training.train(job)


def test_mixed_precision_trains_with_scores_of_full_precision(make_job):
    finished = train(make_job(changed(CACHED, train={"precision": "mixed_bfloat16"})))
    assert base_of(finished).get_layer("conv2d").compute_dtype == "bfloat16"
    scores, labels = eval_scores(finished)
    assert scores.dtype == np.float32
    assert ((scores[:, 0] > 0.5) == labels).mean() > 0.8
    assert keras.config.dtype_policy().name == "float32"
