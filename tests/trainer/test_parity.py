"""What some images score in training, and that the served graph gives them the same scores."""

import hashlib
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import images, parity, run, training
from trainer.rows import Batch, write
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

pytestmark = pytest.mark.graph

SIZE = 75


def written(folder, trained, inputs, digests, classes):
    keys = np.array([digest.encode() for digest in digests])
    labels = np.zeros(len(digests), np.int64)
    rows = write(folder / "rows.bin", [Batch(np.asarray(inputs, np.float32), labels, keys)])
    parity.write(folder, trained, rows, digests=digests, classes=classes)
    return json.loads((folder / parity.FILE).read_text())


def sigmoid():
    return keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])


def test_each_digest_has_the_scores_of_its_own_row(tmp_path):
    found = written(tmp_path, sigmoid(), [[0.0], [2.0], [-2.0]], ["b", "c", "a"], ["cold", "warm"])
    assert found["classes"] == ["cold", "warm"]
    second = 1 / (1 + np.exp(-2))
    assert found["scores"]["a"] == pytest.approx([second, 1 - second], abs=1e-6)
    assert found["scores"]["b"] == pytest.approx([0.5, 0.5], abs=1e-6)
    assert found["scores"]["c"] == pytest.approx([1 - second, second], abs=1e-6)


def test_more_classes_have_a_score_each(tmp_path):
    softmax = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
    found = written(tmp_path, softmax, [[0.0, 0.0, 1.0]], ["a"], ["x", "y", "z"])
    assert found["scores"]["a"] == pytest.approx(tf.nn.softmax([0.0, 0.0, 1.0]).numpy().tolist())


def test_no_more_images_are_kept_than_are_needed(tmp_path):
    digests = [f"{number:04}" for number in range(parity.IMAGES + 10)]
    found = written(tmp_path, sigmoid(), [[0.0]] * len(digests), digests, ["cold", "warm"])
    assert sorted(found["scores"]) == digests[: parity.IMAGES]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Noise, and classes that say nothing of it: a head that tells them hangs on small things."""
    folder = tmp_path_factory.mktemp("pictures")
    for place, label in enumerate(("cold", "warm")):
        (folder / label).mkdir()
        for number in range(10):
            pixels = np.random.default_rng([place, number]).integers(0, 255, (90, 100, 3), np.uint8)
            content = tf.io.encode_png(pixels).numpy()
            (folder / label / f"{number}.png").write_bytes(content)
    return folder


@pytest.fixture
def make_job(pictures, write_examples, freeze, tmp_path):
    def make(sections, *, precision):
        settings = TrainerSettings.model_validate(
            {
                "image": {"size": SIZE},
                **sections,
                "train": {"epochs": 2, "batch_size": 8, "learning_rate": 0.02}
                | sections.get("train", {}),
            }
        )
        files = write_examples(pictures, tmp_path / "examples", size=SIZE)
        split = {"train_files": files, "eval_files": files[:1]}
        is_cached = settings.train.base == "cached"
        folder = tmp_path / "frozen"
        return training.Job(
            settings=settings,
            examples=Examples(**split, labels=("cold", "warm")),
            features=freeze(folder, settings, **split, precision=precision) if is_cached else None,
            weights=None,
            checkpoints=tmp_path / "checkpoints",
            run_dir=tmp_path,
        )

    return make


STEEP = {"l2": 0.0, "calibrate": False}
CACHED = {"model": {**STEEP, "cut": "mixed1"}}
FLATTEN = {"model": {**STEEP, "cut": "mixed1", "head": "flatten"}}
THAWED = {
    "model": {**STEEP, "cut": "mixed2", "thaw_from": "mixed1"},
    "train": {"thaw_learning_rate": 1e-3},
}
LIVE = {"model": {**STEEP, "cut": "mixed1"}, "train": {"base": "live"}}


@pytest.mark.parametrize(
    ("sections", "precision"),
    [
        (CACHED, "float32"),
        (CACHED, "bfloat16"),
        (FLATTEN, "bfloat16"),
        (THAWED, "float32"),
        (THAWED, "bfloat16"),
        # Keras' own float32, whatever the features of others are computed in.
        (LIVE, "bfloat16"),
    ],
    ids=["cached", "cached in bfloat16", "flatten", "thawed", "thawed in bfloat16", "live"],
)
def test_served_scores_are_those_of_training(make_job, pictures, tmp_path, sections, precision):
    job = make_job(sections, precision=precision)
    served = run.served(training.train(job), job)
    in_training = json.loads((tmp_path / parity.FILE).read_text())["scores"]
    files = {}
    for path in pictures.glob("*/*"):
        encoded = path.read_bytes()
        files[hashlib.sha256(encoded).hexdigest()] = encoded
    chosen = tf.constant([files[digest] for digest in in_training])
    warm = served(images.pixels_from_bytes(chosen, SIZE)).numpy()[:, 0]
    assert len(warm) == 10
    assert np.ptp(warm) > 0.01
    # Folding moves a feature by up to 1e-5 of the largest, which heads as steep as these make
    # 5e-5 of; another precision than in training made 2e-4 to 1.3e-3.
    assert warm == pytest.approx([scores[1] for scores in in_training.values()], abs=1e-4)
