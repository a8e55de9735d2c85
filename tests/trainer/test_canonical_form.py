"""The same server makes the same SavedModel, to the byte, in whatever process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from trainer import canonical_form

pytestmark = pytest.mark.graph

EXPORT = """
import sys
import keras, numpy as np, tensorflow as tf
folder, work, *sys.path[:0] = sys.argv[1:]
from trainer import folded, backbone, images, model, signatures
from trainer.served import Served
from trainer.settings import ImageSettings, ModelSettings
if work == "more":  # Functions, layers and traces that the process has made before.
    images.decode(tf.io.encode_png(np.zeros((2, 2, 3), np.uint8)))
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    tf.function(lambda x: x + 1)(1)
keras.utils.set_random_seed(0)
image = ImageSettings(size=75)
chosen = ModelSettings(cut="mixed0", pooled_blocks=1, dense_units=4)
base = backbone.build(size=75, weights=None, cut="mixed0")
head = model.build(base, image=image, model=chosen, class_count=3).head
def export(folder):
    served = Served(folded.fold(base, image=image, precision="float32"), head, is_pooled=True)
    server = signatures.Server(served, labels=["a", "b", "c"], size=75)
    signatures.export(server, folder)
    signatures.write_warmup(folder, [b"picture"], batch_sizes=(1, 8))
export(folder)
if work == "more":
    export(folder + "-again")
"""


def exported(folder, work):
    command = [sys.executable, "-c", EXPORT, str(folder), work, *sys.path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("exports")
    exported(place / "one", "less")
    exported(place / "two", "more")
    return [place / "one", place / "two", place / "two-again"]


def test_the_same_server_makes_the_same_bytes_in_every_process(folders):
    one, two, again = map(contents, folders)
    assert set(one) == {
        "assets/labels.txt",
        "assets.extra/tf_serving_warmup_requests",
        "fingerprint.pb",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    }
    for name, content in one.items():
        assert two[name] == content, name
        assert again[name] == content, name


def test_weights_are_in_the_file_once(folders):
    weights = 4 * 396_304  # float32, of the base up to `mixed0` without its batch norms
    assert (folders[0] / "saved_model.pb").stat().st_size < 1.5 * weights


def test_fingerprint_is_that_of_what_was_rewritten(folders):
    stored = tf.saved_model.experimental.read_fingerprint(str(folders[0]))
    (folders[1] / "fingerprint.pb").unlink()
    canonical_form.rewrite(str(folders[1]))
    again = tf.saved_model.experimental.read_fingerprint(str(folders[1]))
    assert again == stored
    assert stored.saved_model_checksum


def test_another_model_has_another_fingerprint(tmp_path):
    stored = []
    for factor in (2, 3):
        module: Any = tf.Module()
        serve = tf.function(lambda x, factor=factor: {"y": factor * x})
        module.serve = serve.get_concrete_function(tf.TensorSpec([None]))
        folder = str(tmp_path / str(factor))
        tf.saved_model.save(module, folder, module.serve)
        canonical_form.rewrite(folder)
        loaded: Any = tf.saved_model.load(folder)
        assert loaded.serve(tf.constant([1.0]))["y"].numpy() == [factor]
        stored.append(Path(folder, "fingerprint.pb").read_bytes())
    assert stored[0] != stored[1]
