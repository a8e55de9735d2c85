"""A model in a fresh process: what passes, and each check that a model built for it fails."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from components import model_server, probe_material, serving_examination
from components.blessed import Blessed
from components.probe_material import Material
from components.serving_examination import Opponent
from components.serving_gate_settings import ServingGateSettings
from trainer import features

pytestmark = pytest.mark.graph

LABELS = ("cold", "warm")
REDS = (40, 90, 200)


def warmth(image_bytes):
    """The mean red of an image, 0 to 1."""
    pixels = tf.io.decode_image(image_bytes, channels=3, expand_animations=False)
    return tf.reduce_mean(tf.cast(pixels[..., 0], tf.float32)) / 255


def answer(warm):
    scores = tf.stack([1 - warm, warm], axis=1)
    chosen = tf.argmax(scores, axis=1)
    labels = tf.constant(LABELS)
    return {
        features.OUTPUT_LABEL: tf.gather(labels, chosen),
        features.OUTPUT_SCORE: tf.gather(scores, chosen, batch_dims=1),
        features.OUTPUT_SCORES: scores,
        features.OUTPUT_CLASSES: tf.repeat(labels[tf.newaxis], tf.shape(scores)[0], axis=0),
    }


def plain(image_bytes):
    return answer(tf.map_fn(warmth, image_bytes, fn_output_signature=tf.float32))


def slow(image_bytes):
    """Does a lot before it answers."""
    rounds = tf.while_loop(
        lambda number, _: number < 100,
        lambda number, x: (number + 1, tf.linalg.matmul(x, x) * 0.0),
        [tf.constant(0), tf.zeros([300, 300])],
        parallel_iterations=1,
    )[1]
    with tf.control_dependencies([rounds]):
        return plain(tf.identity(image_bytes))


def endless(image_bytes):
    turned = tf.while_loop(
        lambda x: x < 2.0, lambda x: x * 0.5, [tf.reduce_sum(tf.zeros([tf.size(image_bytes)]))]
    )
    return answer(tf.map_fn(warmth, image_bytes, fn_output_signature=tf.float32) + turned[0])


def fat(image_bytes):
    """Two gigabytes that a request holds for a while."""
    held = tf.random.uniform([500_000_000], seed=1)
    with tf.control_dependencies([tf.reduce_max(held)]):
        return plain(tf.identity(image_bytes))


def gullible(image_bytes):
    """Takes anything for an image."""
    return answer(tf.map_fn(lambda _: 0.25, image_bytes, fn_output_signature=tf.float32))


def brittle(image_bytes):
    """The whole process ends with an image that is none."""

    def end():
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="that was no image")]):
            return tf.constant(0)

    is_short = tf.reduce_min(tf.strings.length(image_bytes)) < 50
    with tf.control_dependencies([tf.cond(is_short, end, lambda: tf.constant(0))]):
        return plain(tf.identity(image_bytes))


def wordless(image_bytes):
    """Forgets the labels."""
    found = plain(image_bytes)
    return {name: found[name] for name in (features.OUTPUT_SCORE, features.OUTPUT_SCORES)}


def png(red):
    content = io.BytesIO()
    Image.new("RGB", (60, 40), (red, 0, 100)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Writes a SavedModel of an answering function, as version 1 of a folder of its own."""

    def write(body, *, warm_up=True, ballast=0):
        folder = tmp_path_factory.mktemp(body.__name__) / "1"
        text = tf.TensorSpec([None], tf.string, name=features.INPUT_IMAGE_BYTES)
        signature = tf.function(body, autograph=False).get_concrete_function(text)
        module = tf.Module()
        tf.saved_model.save(module, str(folder), {features.SERVING_SIGNATURE: signature})
        extra = folder / "assets.extra"
        extra.mkdir()
        (extra / "ballast").write_bytes(bytes(ballast))
        if warm_up:
            from trainer import signatures

            signatures.write_warmup(str(folder), [png(1)], batch_sizes=(1, 2))
        return str(folder)

    return write


@pytest.fixture(scope="module")
def plain_model(save):
    return save(plain)


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    """Three images as ingestion keeps them, and what a plain model makes of them."""
    folder = tmp_path_factory.mktemp("material")
    digests = []
    with tf.io.TFRecordWriter(str(folder / "examples.gz"), "GZIP") as writer:
        for red in REDS:
            encoded = png(red)
            digests.append(hashlib.sha256(encoded).hexdigest())
            values = {features.ENCODED: encoded, features.FILENAME: f"warm/{red}.png".encode()}
            feature = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in values.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    scores = {digest: [1 - red / 255, red / 255] for digest, red in zip(digests, REDS, strict=True)}
    in_training = probe_material.scores_in_training(
        json.dumps({"classes": LABELS, "scores": scores})
    )
    files = [str(folder / "examples.gz")]
    return probe_material.gather(
        folder,
        judged=files,
        evaluation=files,
        in_training=in_training,
        photo_count=32,
        parity_count=32,
        max_pixels=100_000_000,
    )


@pytest.fixture
def examine(material, tmp_path):
    def judged(model, *, opponent=None, **settings):
        return serving_examination.examine(
            model,
            material,
            ServingGateSettings(**settings),
            opponent=opponent,
            scratch=tmp_path,
        )

    return judged


def failed(examined):
    """Check -> the sentence that says what is wrong."""
    assert not examined.is_servable
    return {check.check: check.sentence for check in examined.checks if not check.passed}


@pytest.fixture(scope="module")
def plain_examined(plain_model, material, tmp_path_factory):
    return serving_examination.examine(
        plain_model,
        material,
        ServingGateSettings(),
        opponent=None,
        scratch=tmp_path_factory.mktemp("scratch"),
    )


def test_sound_model_passes_every_check(plain_examined):
    assert plain_examined.is_servable, failed(plain_examined)
    assert [check.check for check in plain_examined.checks] == [
        "process",
        "load_time",
        "warm_up",
        "answers",
        "parity",
        *(f"{name}_batch_{batch}" for batch in (1, 8, 32) for name in ("p50", "p99")),
        "large_photo",
        "malformed_bytes",
        "peak_memory",
        "model_size",
    ]
    assert {check.step for check in plain_examined.checks} == {"ServingGate"}


def test_record_tells_what_was_measured(plain_examined):
    record = json.loads(json.dumps(plain_examined.record))
    assert record["engine"] == "session"
    assert record["warm_up_requests"] == 2
    assert record["parity"]["images"] == len(REDS)
    assert record["parity"]["max_difference"] < 1e-6
    assert record["latency"]["32"]["requests"] >= 3
    assert 0 < record["latency"]["1"]["p50_ms"] <= record["latency"]["1"]["p99_ms"]
    assert record["peak_bytes"] >= record["resident_bytes"] > 50_000_000
    assert set(record["malformed"]) == {
        "empty",
        "text",
        "truncated JPEG",
        "GIF of 4 gigapixels",
    }


def test_impossible_bounds_fail_each_with_its_sentence_and_key(plain_model, examine):
    tiny = {"1": 1e-6, "8": 1e-6, "32": 1e-6}
    found = failed(
        examine(
            plain_model,
            max_load_seconds=1e-6,
            max_p50_ms=tiny,
            max_p99_ms=tiny,
            max_large_photo_ms=1e-6,
            max_model_megabytes=1e-6,
        )
    )
    assert found.keys() == {
        "load_time",
        *(f"{name}_batch_{batch}" for batch in (1, 8, 32) for name in ("p50", "p99")),
        "large_photo",
        "model_size",
    }
    assert "serving_gate.max_p50_ms.32" in found["p50_batch_32"]
    assert "up to 1e-06 MB is accepted (serving_gate.max_model_megabytes)" in found["model_size"]


def test_other_scores_than_in_training_fail_and_name_the_images(save, examine):
    def skewed(image_bytes):
        warm = tf.map_fn(warmth, image_bytes, fn_output_signature=tf.float32)
        return answer(tf.where(warm > 0.5, warm - 0.01, warm))

    examined = examine(save(skewed))
    [parity] = [check for check in examined.checks if not check.passed]
    assert parity.check == "parity"
    assert parity.files == ["warm/200.png"]
    assert parity.value == pytest.approx(0.01, abs=1e-5)
    assert "1 of 3 images" in parity.sentence


def test_answers_to_what_is_no_image_fail(save, examine):
    found = failed(examine(save(gullible), max_parity_difference=1))
    assert found.keys() == {"malformed_bytes"}
    assert "text was answered: cold" in found["malformed_bytes"]


def test_process_that_ends_with_malformed_bytes_is_a_failed_check(save, examine):
    examined = examine(save(brittle))
    found = failed(examined)
    assert found.keys() == {"process"}
    assert (
        "was ended by SIGABRT while it was given bytes that are no image (empty)"
        in (found["process"])
    )
    assert "that was no image" in found["process"]
    assert "parity" in {check.check for check in examined.checks}


def test_answers_that_break_the_contract_fail(save, examine):
    found = failed(examine(save(wordless)))
    assert found.keys() == {"answers"}
    assert "an answer has no classes, label" in found["answers"]


def test_model_that_hangs_is_stopped_at_the_deadline(save, examine):
    found = failed(examine(save(endless, warm_up=False), deadline_seconds=8))
    assert "was still at it after 8 s (serving_gate.deadline_seconds)" in found["process"]
    assert "answered 1 images at once" in found["process"]


def test_model_that_swells_is_stopped_at_the_bound(save, examine):
    found = failed(examine(save(fat, warm_up=False), max_memory_megabytes=1500))
    assert "held more than 1500 MB (serving_gate.max_memory_megabytes)" in found["process"]
    assert "peak_memory" in found


def test_model_without_warm_up_fails(save, examine):
    assert failed(examine(save(plain, warm_up=False))).keys() == {"warm_up"}


def test_keras_variables_that_the_graph_does_not_restore_fail(save, examine, tmp_path):
    import keras

    dense = keras.layers.Dense(1, activation="sigmoid")
    dense.build((None, 1))

    class Untracked(tf.Module):
        def __init__(self):
            super().__init__()
            self.layer = dense

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, image_bytes):
            warm = tf.map_fn(warmth, image_bytes, fn_output_signature=tf.float32)
            return answer(self.layer(warm[:, tf.newaxis])[:, 0])

    module = Untracked()
    tf.saved_model.save(module, str(tmp_path / "1"), {features.SERVING_SIGNATURE: module.serve})
    found = failed(examine(str(tmp_path / "1")))
    assert "Could not find variable" in found["answers"]


def test_what_is_no_saved_model_is_a_failed_check(tmp_path, examine):
    (tmp_path / "1").mkdir()
    found = failed(examine(str(tmp_path / "1")))
    assert "ended with code 1 while it loaded the model" in found["process"]


def opponent(model, examined, **changes):
    record = {**examined.record, **changes}
    return Opponent(model, Blessed(1, model, "", {}, record))


def ratios(examined):
    return [check for check in examined.checks if "ratio" in check.check]


def test_stored_figures_of_the_blessed_model_are_enough_where_they_are_kept(
    plain_model, plain_examined, examine
):
    # It cannot be measured anew: there is no such model.
    blessed = opponent("nowhere", plain_examined)
    examined = examine(plain_model, opponent=blessed, max_latency_ratio=100, max_load_ratio=100)
    assert examined.is_servable, failed(examined)
    assert len(ratios(examined)) == 6


def test_stored_figures_that_would_refuse_a_model_are_measured_again(
    plain_model, plain_examined, examine
):
    quick = {batch: {"p50_ms": 1e-9} for batch in ("1", "8", "32")}
    blessed = opponent(plain_model, plain_examined, latency=quick)
    examined = examine(plain_model, opponent=blessed, max_latency_ratio=10, max_load_ratio=10)
    assert examined.is_servable, failed(examined)
    assert len(ratios(examined)) == 6


def test_slower_and_larger_model_than_the_blessed_one_fails(
    save, plain_model, plain_examined, examine
):
    found = failed(
        examine(save(slow, ballast=1_000_000), opponent=opponent(plain_model, plain_examined))
    )
    assert "size_ratio" in found
    assert "p50_ratio_batch_1" in found
    assert "(serving_gate.max_latency_ratio)" in found["p50_ratio_batch_1"]


STAND_IN = """#!{python}
import os, sys
told = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
words = ["serve", "--stand-in", "--model-dir", told["model_base_path"]]
words += ["--model-name", told["model_name"]]
words += ["--rest-port", told["rest_api_port"], "--grpc-port", told["port"]]
code = "import sys; from pipeline.cli import main; sys.exit(main())"
os.execv(sys.executable, [sys.executable, "-c", code, *words])
"""


def test_tf_serving_on_the_path_answers_the_same_checks(
    plain_model, examine, tmp_path, monkeypatch
):
    program = tmp_path / "bin" / model_server.PROGRAM
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    examined = examine(plain_model)
    assert examined.is_servable, failed(examined)
    assert examined.record["engine"] == model_server.PROGRAM
    assert len(examined.checks) == 15
    # Nothing is left behind.
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(Path(plain_model).parent) not in told


def test_image_of_tf_serving_answers_the_same_checks(plain_model, examine, docker):
    examined = examine(plain_model, docker_image=docker.image)
    assert examined.is_servable, failed(examined)
    assert examined.record["engine"] == f"docker {docker.image}"
    assert examined.record["peak_bytes"] > 50_000_000  # The server's, not that of `docker run`.
    assert len(examined.checks) == 15
    assert not docker.containers()


def test_image_that_has_gone_is_named(plain_model, examine, docker):
    found = failed(examine(plain_model, docker_image="tensorflow/serving:0"))
    assert any("tensorflow/serving:0" in sentence for sentence in found.values()), found


def test_blessed_model_that_cannot_be_measured_again_is_no_reason_to_pass(
    plain_model, plain_examined, examine
):
    quick = {batch: {"p50_ms": 1e-9} for batch in ("1", "8", "32")}
    blessed = opponent("nowhere", plain_examined, latency=quick)
    found = failed(examine(plain_model, opponent=blessed))
    assert list(found) == ["comparison"]
    assert "a process with the blessed model did not come to its end" in found["comparison"]


def test_large_photo_is_no_larger_than_a_model_takes(material, tmp_path):
    files = [str(Path(material.photos[0]).parents[1] / "examples.gz")]
    gathered = probe_material.gather(
        tmp_path,
        judged=files,
        evaluation=files,
        in_training={},
        photo_count=1,
        parity_count=0,
        max_pixels=1_000_000,
    )
    with Image.open(gathered.large) as image:
        assert 900_000 < image.width * image.height <= 1_000_000
    with Image.open(material.large) as image:
        assert image.size == (4000, 3000)
