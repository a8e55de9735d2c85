"""The ServingGate step: what it reads of other steps, and what it leaves for Pusher."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from components import blessed, gates
from components.blessed import Blessed
from trainer import features

pytestmark = pytest.mark.graph

SIZE = 8
LABELS = ["cold", "warm"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model as the Trainer exports it, with its scores in training, and raw Examples."""
    import keras
    import tensorflow as tf

    from trainer import signatures

    place = tmp_path_factory.mktemp("made")
    dense = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.GlobalAveragePooling2D(), dense]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers], name="classifier")
    folder = str(place / "model" / "Format-Serving")
    signatures.export(signatures.Server(model, labels=LABELS, size=SIZE), folder)
    pictures = [_png(seed) for seed in range(4)]
    signatures.write_warmup(folder, pictures, batch_sizes=(1, 2))
    served = tf.saved_model.load(folder).signatures[features.SERVING_SIGNATURE]
    scores = served(**{features.INPUT_IMAGE_BYTES: tf.constant(pictures)})["scores"].numpy()
    digests = [hashlib.sha256(picture).hexdigest() for picture in pictures]
    (place / "run").mkdir()
    parity = {"classes": LABELS, "scores": dict(zip(digests, scores.tolist(), strict=True))}
    (place / "run" / "parity.json").write_text(json.dumps(parity))
    for split in ("eval", "test"):
        _write_examples(place / "examples" / f"Split-{split}", pictures)
    return place


def _png(seed):
    content = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 40 + 60 * seed, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def _write_examples(folder, pictures):
    import tensorflow as tf

    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for number, picture in enumerate(pictures):
            values = {features.ENCODED: picture, features.FILENAME: f"{number}.png".encode()}
            feature = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in values.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


@pytest.fixture
def judge(made, tmp_path):
    """Runs the step; answers the blessing."""
    from tfx.types import standard_artifacts

    from components.serving_gate import ServingGate
    from components.serving_gate_settings import ServingGateSettings

    def artifact(kind, place):
        found = kind()
        found.uri = str(place)
        place.mkdir(exist_ok=True)
        return found

    def run(**settings):
        blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
        examples = artifact(standard_artifacts.Examples, made / "examples")
        examples.split_names = '["train", "eval", "test"]'
        ServingGate.EXECUTOR_SPEC.executor_class._FUNCTION(
            blessing=blessing,
            model=artifact(standard_artifacts.Model, made / "model"),
            model_run=artifact(standard_artifacts.ModelRun, made / "run"),
            baseline=artifact(standard_artifacts.Model, tmp_path / "baseline"),
            examples=examples,
            settings=ServingGateSettings(**settings).model_dump_json(),
            judged_split="test",
            max_pixels=100_000_000,
            code="code",
        )
        return blessing

    return run


def test_sound_model_is_blessed_as_infra_validator_does(judge, tmp_path):
    blessing = judge()
    folder = tmp_path / "blessing"
    verdict = gates.read(folder)
    assert not verdict.failed
    assert verdict.baseline == ""
    assert (folder / "INFRA_BLESSED").exists()
    assert blessing.get_int_custom_property("blessed") == 1
    assert json.loads((folder / "serving.json").read_text())["parity"]["images"] == 4


def test_refused_model_is_not_blessed_and_nothing_is_raised(judge, tmp_path):
    blessing = judge(max_model_megabytes=1e-6)
    assert [check.check for check in gates.read(tmp_path / "blessing").failed] == ["model_size"]
    assert not (tmp_path / "blessing" / "INFRA_BLESSED").exists()
    assert (tmp_path / "blessing" / "INFRA_NOT_BLESSED").exists()
    assert blessing.get_int_custom_property("blessed") == 0


def test_model_is_held_against_the_blessed_one(judge, made, tmp_path):
    judge()
    record = json.loads((tmp_path / "blessing" / "serving.json").read_text())
    latest = Blessed(7, "gone", judged="d", metrics={}, serving={**record, "model_bytes": 10})
    blessed.write(str(tmp_path / "baseline" / blessed.FILE), latest)
    (tmp_path / "baseline" / "Format-Serving").symlink_to(made / "model" / "Format-Serving")
    judge(max_size_ratio=1e9)
    verdict = gates.read(tmp_path / "blessing")
    assert verdict.baseline == "7"
    assert "size_ratio" in {check.check for check in verdict.checks}


def test_images_of_fewer_than_are_wanted_are_all_compared(judge, tmp_path):
    judge(parity_images=3)
    record = json.loads((tmp_path / "blessing" / "serving.json").read_text())
    assert record["parity"]["images"] == 3
