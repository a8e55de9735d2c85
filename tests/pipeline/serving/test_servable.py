"""A SavedModel, loaded the way that TF Serving loads it."""

import shutil

import numpy as np
import pytest

from pipeline.serving import servable, warmup
from pipeline.serving.answers import Code, ServingError
from pipeline.serving.batching import DirectRunner
from pipeline.serving.metrics import Metrics
from pipeline.serving.service import Service
from pipeline.serving.settings import WatchedModel
from pipeline.serving.versions import Address
from trainer import features

pytestmark = pytest.mark.graph


@pytest.fixture
def loaded(tiny_model):
    one = servable.load("tiny", 1, tiny_model / "1")
    yield one
    one.close()


def run(one, signature, **inputs):
    definition = one.signatures[signature]
    feeds = {definition.inputs[alias].name: value for alias, value in inputs.items()}
    (name,) = (info.name for info in definition.outputs.values())
    return one.run(feeds, [name])[0]


def test_variables_are_restored_by_the_graph_itself(loaded):
    assert run(loaded, "halve", x=np.array([1, 2], np.float32)).tolist() == [2.5, 3.0]


def test_init_operation_is_no_signature(loaded):
    assert "__saved_model_init_op" not in loaded.signatures
    assert "__saved_model_init_op" in loaded.metadata_signatures


def test_timeout_ends_the_run_itself(loaded):
    definition = loaded.signatures["slow"]
    feeds = {definition.inputs["rounds"].name: np.array([10_000_000], np.int64)}
    with pytest.raises(ServingError) as error:
        loaded.run(feeds, [definition.outputs["done"].name], timeout_ms=200)
    assert error.value.code is Code.DEADLINE_EXCEEDED
    assert error.value.message == "Timed out waiting for notification"


def test_error_is_what_the_graph_said_and_no_more(loaded):
    definition = loaded.signatures[features.SERVING_SIGNATURE]
    feeds = {definition.inputs["image_bytes"].name: np.array([b"text"], dtype=object)}
    with pytest.raises(ServingError) as error:
        loaded.run(feeds, [definition.outputs["label"].name])
    assert error.value.code is Code.INVALID_ARGUMENT
    assert error.value.message.startswith("Unknown image file format.")


def test_exported_classifier_can_be_served_by_tf_serving(tmp_path):
    """Keras' variables in a tf.Module need care: TF Serving restores only what is tracked."""
    import keras
    import tensorflow as tf

    from trainer import signatures

    classifier = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    classifier.add(keras.layers.Dense(2, activation="softmax"))
    signatures.export(signatures.Server(classifier, labels=["a", "b"], size=8), str(tmp_path / "1"))
    image = tf.io.encode_png(np.full((9, 9, 3), 200, np.uint8)).numpy()
    expected = tf.saved_model.load(str(tmp_path / "1")).signatures[features.SERVING_SIGNATURE](
        **{features.INPUT_IMAGE_BYTES: tf.constant([image])}
    )
    one = servable.load("m", 1, tmp_path / "1")
    definition = one.signatures[features.SERVING_SIGNATURE]
    feeds = {definition.inputs[features.INPUT_IMAGE_BYTES].name: np.array([image], dtype=object)}
    (scores,) = one.run(feeds, [definition.outputs[features.OUTPUT_SCORES].name])
    np.testing.assert_allclose(scores, expected[features.OUTPUT_SCORES].numpy(), atol=1e-6)


@pytest.fixture
def service():
    service = Service(runner=DirectRunner(runs=1), metrics=Metrics())
    yield service
    service.close()


def watched(folder):
    return [WatchedModel(name="m", base_path=folder)]


def test_warmup_is_replayed_before_a_version_serves(tiny_model):
    logs = []
    assert warmup.replay(tiny_model / "1", answer=logs.append) == 1
    assert logs[0].predict_log.request.model_spec.signature_name == "halve"


def test_version_without_warmup_serves(make_version, tmp_path, service):
    shutil.rmtree(make_version(tmp_path / "1") / "assets.extra")
    service.watch(watched(tmp_path))
    assert service.states(Address("m"))[0].state == "AVAILABLE"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no record file", "Please verify your warmup data is in TFRecord format."),
        ("signature", 'Serving signature key "thaw" not found.'),
        ("many", "Number of warmup records exceeds the maximum (1000)"),
        ("log", "Unsupported log_type for warmup: session_run_log"),
    ],
)
def test_failed_warmup_keeps_a_version_from_serving(
    make_version, tmp_path, service, content, message
):
    path = make_version(tmp_path / "1") / warmup.REQUESTS
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write_logs(path, content)
    with pytest.raises(ServingError) as error:
        service.watch(watched(tmp_path))
    assert message in error.value.message
    assert service.states(Address("m"))[0].state == "END"


def write_logs(path, kind):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "thaw" if kind == "signature" else "halve"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0]))
    if kind == "log":
        log.session_run_log.SetInParent()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(1001 if kind == "many" else 1):
            writer.write(log.SerializeToString())


def test_graph_for_another_purpose_is_refused(make_version, tmp_path):
    from tensorflow.core.protobuf import saved_model_pb2

    path = make_version(tmp_path / "1") / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())  # pyright: ignore[reportAttributeAccessIssue]
    model.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ServingError, match=r"matching supplied tags: \{ serve \}"):
        servable.load("m", 1, path.parent)
