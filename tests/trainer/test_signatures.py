"""The SavedModel as a server loads it: both signatures, every format, warm-up requests."""

import io
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from trainer import features, images, run, signatures

pytestmark = pytest.mark.graph

SIZE = 75
LABELS = {1: ("cold", "warm"), 3: ("cold", "mild", "warm")}
KINDS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")


def encoded(kind, seed=0, **options):
    noise = np.random.default_rng(seed).integers(0, 255, (60 + seed, 90, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise // (1 + seed)).save(buffer, kind, **options)
    return buffer.getvalue()


FILES = [encoded(kind, seed) for seed, kind in enumerate(KINDS)]


def classifier(units):
    """Dark images are cold, bright ones warm; of three classes the middle one is mild."""
    slopes, biases = (([1], [-3]), ([-1, 0, 1], [2.5, 0.2, -4]))[units == 3]
    activation = "sigmoid" if units == 1 else "softmax"
    scores = keras.layers.Dense(units, activation=activation)
    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 60)(pixels))
    model = keras.Model(pixels, scores(x))
    scores.set_weights([np.tile(slopes, (3, 1)), np.array(biases)])
    return model


def export(units, folder):
    """(classifier, labels, folder of its SavedModel)"""
    model, labels = classifier(units), LABELS[units]
    signatures.export(signatures.Server(model, labels=labels, size=SIZE), str(folder))
    return model, labels, str(folder)


@pytest.fixture(scope="module", params=[1, 3], ids=["two classes", "three classes"])
def exported(request, tmp_path_factory):
    return export(request.param, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(exported[-1])


def served(loaded, files):
    answer = loaded.signatures[features.SERVING_SIGNATURE](image_bytes=tf.constant(files))
    return {name: value.numpy() for name, value in answer.items()}


def served_examples(loaded, files):
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    features.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[file])),
                    features.WIDTH: tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
                }
            )
        ).SerializeToString()
        for file in files
    ]
    answer = loaded.signatures[features.EXAMPLES_SIGNATURE](examples=tf.constant(examples))
    return {name: value.numpy() for name, value in answer.items()}


def test_answer_has_its_shapes_and_types(exported, loaded):
    _, labels, _ = exported
    answer = served(loaded, FILES)
    count = len(FILES), len(labels)
    assert {name: value.shape for name, value in answer.items()} == {
        "label": count[:1],
        "score": count[:1],
        "scores": count,
        "classes": count,
        "error": count[:1],
    }
    assert set(answer["error"]) == {b""}
    assert answer["score"].dtype == answer["scores"].dtype == np.float32
    assert answer["classes"].tolist() == [[label.encode() for label in labels]] * len(FILES)


def test_scores_are_those_of_the_classifier_on_the_one_image_function(exported, loaded):
    model, labels, _ = exported
    outputs = model(images.pixels_from_bytes(tf.constant(FILES), SIZE), training=False).numpy()
    # A sigmoid's output is the score of the second class.
    expected = np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
    assert expected.shape[1] == len(labels)
    scores = served(loaded, FILES)["scores"]
    assert np.allclose(scores, expected, atol=1e-6)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(scores[:, 0]) > 0.05


def test_label_is_the_class_with_the_highest_score(exported, loaded):
    _, labels, _ = exported
    answer = served(loaded, FILES)
    best = answer["scores"].argmax(axis=1)
    assert answer["label"].tolist() == [labels[place].encode() for place in best]
    assert answer["score"].tolist() == answer["scores"].max(axis=1).tolist()
    assert len(set(best)) > 1


def test_threshold_decides_the_label_and_leaves_the_scores(exported, loaded, tmp_path):
    model, labels, _ = exported
    if len(labels) > 2:
        pytest.skip("more than two classes have no threshold")
    plain = served(loaded, FILES)
    seconds = np.sort(plain["scores"][:, 1])
    threshold = float(seconds[-2:].mean())  # above all but one of the images
    assert (seconds[:-1] > 0.5).any()
    server = signatures.Server(model, labels=labels, size=SIZE, threshold=threshold)
    signatures.export(server, str(tmp_path))
    answer = served(tf.saved_model.load(str(tmp_path)), FILES)
    assert np.array_equal(answer["scores"], plain["scores"])
    is_second = plain["scores"][:, 1] >= threshold
    assert is_second.sum() == 1
    assert answer["label"].tolist() == [labels[place].encode() for place in is_second.astype(int)]
    expected = np.where(is_second, plain["scores"][:, 1], plain["scores"][:, 0])
    assert answer["score"].tolist() == expected.tolist()


def test_both_signatures_answer_alike(loaded):
    by_bytes, by_examples = served(loaded, FILES), served_examples(loaded, FILES)
    assert by_bytes.keys() == by_examples.keys()
    for name, value in by_bytes.items():
        assert np.array_equal(value, by_examples[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_served_alone_as_in_a_batch(loaded, kind):
    place = KINDS.index(kind)
    alone, together = served(loaded, [FILES[place]]), served(loaded, FILES)
    assert np.allclose(alone["scores"][0], together["scores"][place], atol=1e-6)


def test_an_image_that_cannot_be_read_has_an_error_and_fails_no_other(loaded):
    broken = {1: b"not an image", 3: FILES[0][:200]}
    mixed = [broken.get(place, file) for place, file in enumerate(FILES)]
    answer, whole = served(loaded, mixed), served(loaded, FILES)
    for place in range(len(FILES)):
        if place in broken:
            assert answer["label"][place] == b""
            assert answer["score"][place] == 0
            assert not answer["scores"][place].any()
        else:
            assert answer["label"][place] == whole["label"][place]
            np.testing.assert_array_equal(answer["scores"][place], whole["scores"][place])
    assert answer["error"].tolist() == [
        b"",
        b"not a JPEG, PNG, GIF, BMP or WebP file",
        b"",
        b"damaged, truncated or unsupported JPEG",
        b"",
    ]


def test_an_example_without_an_image_has_an_error(loaded):
    examples = tf.constant([tf.train.Example().SerializeToString()])
    answer = loaded.signatures[features.EXAMPLES_SIGNATURE](examples=examples)
    assert answer["error"].numpy().tolist() == [b"the file has no bytes"]


def test_an_image_beyond_the_largest_size_is_not_decoded(tmp_path):
    server = signatures.Server(classifier(1), labels=LABELS[1], size=SIZE, max_pixels=60 * 90)
    signatures.export(server, str(tmp_path))
    answer = served(tf.saved_model.load(str(tmp_path)), FILES[:2])
    assert answer["error"].tolist() == [b"", b"claims 90x61 pixels, more than 5400"]


def test_inputs_have_their_names(loaded):
    inputs = {name: each.structured_input_signature[1] for name, each in loaded.signatures.items()}
    assert {name: list(spec) for name, spec in inputs.items()} == {
        "serving_default": ["image_bytes"],
        "serving_examples": ["examples"],
    }


SERVER = """
import json, pathlib, sys
import tensorflow as tf
v1 = tf.compat.v1
with v1.Session(graph=tf.Graph()) as session:
    signature = v1.saved_model.loader.load(session, ["serve"], sys.argv[1]).signature_def[
        "serving_default"
    ]
    [image] = signature.inputs.values()
    outputs = {name: output.name for name, output in signature.outputs.items()}
    files = [pathlib.Path(path).read_bytes() for path in sys.argv[2:]]
    answer = session.run(outputs, {image.name: files})
packages = {name.split(".")[0] for name in sys.modules}
ours = sorted(packages & {"trainer", "components", "pipeline"})
errors = [error.decode() for error in answer["error"]]
print(json.dumps({"scores": answer["scores"].tolist(), "errors": errors, "ours": ours}))
"""


def test_model_is_served_as_tf_serving_does_by_a_process_that_knows_none_of_our_packages(tmp_path):
    model, labels, folder = export(3, tmp_path / "model")
    (tmp_path / "image").write_bytes(FILES[0])
    (tmp_path / "broken").write_bytes(FILES[0][:200])
    answer = subprocess.run(
        [sys.executable, "-I", "-c", SERVER, folder, tmp_path / "image", tmp_path / "broken"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["ours"] == []
    assert told["errors"] == ["", "damaged, truncated or unsupported JPEG"]
    expected = model(images.pixels_from_bytes(tf.constant(FILES[:1]), SIZE)).numpy()
    assert np.allclose(told["scores"], [expected[0], [0] * len(labels)], atol=1e-6)


def test_labels_are_an_asset_in_the_order_of_the_classes(exported, loaded):
    _, labels, folder = exported
    assert (Path(folder) / "assets" / "labels.txt").read_text().splitlines() == list(labels)
    assert served(loaded, FILES[:1])["classes"].tolist() == [[name.encode() for name in labels]]
    proto = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    assert [asset.filename for asset in proto.meta_graphs[0].asset_file_def] == ["labels.txt"]


def test_warm_up_holds_requests_that_the_model_answers(exported, loaded):
    folder = exported[-1]
    signatures.write_warmup(folder, FILES[:3], batch_sizes=(1, 4))
    path = f"{folder}/assets.extra/tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(path)
    ]
    batches = []
    for log in logs:
        request = log.predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        assert list(request.inputs) == ["image_bytes"]
        batches.append(tf.make_ndarray(request.inputs["image_bytes"]).tolist())
    assert batches == [FILES[:1], [*FILES[:3], FILES[0]]]
    assert served(loaded, batches[1])["scores"].shape[0] == 4


def test_warm_up_of_a_run_stays_within_what_tf_serving_takes():
    assert sorted(run.WARMUP_BATCH_SIZES) == [1, 8, 32]
    assert len(run.WARMUP_BATCH_SIZES) <= 1000
