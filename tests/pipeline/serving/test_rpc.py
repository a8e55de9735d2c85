"""The gRPC interface, through the genuine stubs of tensorflow-serving-api."""

from typing import Any

import pytest

from trainer import features

pytestmark = pytest.mark.graph


@pytest.fixture(scope="module")
def channel(server):
    import grpc

    with grpc.insecure_channel(server.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    from tensorflow_serving.apis import model_service_pb2_grpc

    return model_service_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture
def request_():
    """Makes a PredictRequest: signature, inputs, and whom it is for."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    def make(signature="", *, name="tiny", version=None, label=None, outputs=(), **inputs):
        request = predict_pb2.PredictRequest(output_filter=outputs)
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        if version is not None:
            request.model_spec.version.value = version
        if label is not None:
            request.model_spec.version_label = label
        for alias, value in inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
        return request

    return make


def refusal(call, request, **options) -> tuple[str, str]:
    """The code and the details that a call ends with."""
    import grpc

    with pytest.raises(grpc.RpcError) as error:
        call(request, **options)
    # The error is the call, too, and a call has more to tell than its type says.
    call_error: Any = error.value
    return call_error.code().name, call_error.details()


def test_predict_answers_typed_fields_and_who_answered(stub, request_, png):
    response = stub.Predict(request_(image_bytes=[png(255), png(0)]))
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("tiny", 2, "serving_default")
    # Many clients read the typed fields and not tf.make_ndarray.
    assert list(response.outputs[features.OUTPUT_LABEL].string_val) == [b"warm-2", b"cold-2"]
    assert list(response.outputs[features.OUTPUT_SCORES].float_val) == [0, 1, 1, 0]
    sizes = [dim.size for dim in response.outputs[features.OUTPUT_SCORES].tensor_shape.dim]
    assert sizes == [2, 2]
    assert response.outputs[features.OUTPUT_SCORES].dtype == 1


def test_predict_keeps_types_and_scalars(stub, request_):
    import numpy as np
    import tensorflow as tf

    inputs = {"i": np.array([1 << 60]), "d": np.array([0.1]), "t": np.array([True])}
    outputs = stub.Predict(request_("types", **inputs)).outputs
    arrays = {alias: tf.make_ndarray(proto) for alias, proto in outputs.items()}
    assert arrays["i"].tolist() == [(1 << 60) + 1]
    assert arrays["d"].tolist() == [0.2]
    assert arrays["t"].tolist() == [False]
    total = stub.Predict(request_("scalar", x=np.array([1, 2], np.float32))).outputs["total"]
    assert tf.make_ndarray(total).shape == ()
    halves = stub.Predict(request_("halves", x=np.array([1.5], np.float16))).outputs["y"]
    assert tf.make_ndarray(halves).tolist() == [1.5]


def test_output_filter_and_addressing(stub, request_, png):
    response = stub.Predict(request_(label="stable", outputs=["label"], image_bytes=[png(255)]))
    assert response.model_spec.version.value == 1
    assert list(response.outputs) == ["label"]
    response = stub.Predict(request_(version=1, image_bytes=[png(255)]))
    assert list(response.outputs["label"].string_val) == [b"warm-1"]


@pytest.mark.parametrize(
    ("arguments", "code", "details"),
    [
        ({"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"name": "none"}, "NOT_FOUND", "Servable not found for request: Latest(none)"),
        ({"version": 7}, "NOT_FOUND", "Servable not found for request: Specific(tiny, 7)"),
        ({"label": "none"}, "INVALID_ARGUMENT", "Unrecognized servable version label: none"),
        (
            {"signature": "thaw"},
            "FAILED_PRECONDITION",
            'Serving signature key "thaw" not found.',
        ),
        (
            {"signature": "halve", "z": 1.0},
            "INVALID_ARGUMENT",
            "input size does not match signature: 1!=1 len({z}) != len({x}). Sent extra: {z}. "
            "Missing but required: {x}.",
        ),
        (
            {"signature": "halve", "x": 1},
            "INVALID_ARGUMENT",
            "input x is expected to be float but int32 is provided",
        ),
        (
            {"signature": "scalar", "x": 1.0},
            "INVALID_ARGUMENT",
            "input x is expected to be of shape (None,) but is ()",
        ),
        (
            {"signature": "halve", "x": 1.0, "outputs": ["z"]},
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        ),
        (
            {"signature": "halve", "x": 1.0, "outputs": ["y", "y"]},
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
        ),
    ],
)
def test_refused_predict_has_the_code_and_the_words_of_tf_serving(
    stub, request_, arguments, code, details
):
    assert refusal(stub.Predict, request_(**arguments)) == (code, details)


def test_broken_image_is_an_invalid_argument(stub, request_):
    code, details = refusal(stub.Predict, request_(image_bytes=[b"text"]))
    assert code == "INVALID_ARGUMENT"
    assert details.startswith("Unknown image file format.")


def test_deadline_of_the_client_is_kept(stub, request_):
    import time

    import numpy as np

    start = time.monotonic()
    slow = request_("slow", rounds=np.array([1_000_000], np.int64))
    code, _ = refusal(stub.Predict, slow, timeout=0.5)
    assert code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - start < 5


@pytest.fixture
def examples():
    import tensorflow as tf
    from tensorflow_serving.apis import input_pb2

    def make(*values):
        one_by_one = [tf.train.Example() for _ in values]
        for example, value in zip(one_by_one, values, strict=True):
            example.features.feature["x"].float_list.value.append(value)
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=one_by_one))

    return make


def test_classify_and_regress_answer_examples(stub, examples):
    from tensorflow_serving.apis import classification_pb2, regression_pb2

    request = classification_pb2.ClassificationRequest(input=examples(0.25))
    request.model_spec.name, request.model_spec.signature_name = "tiny", "classify_x"
    response = stub.Classify(request)
    classes = response.result.classifications[0].classes
    assert [(one.label, one.score) for one in classes] == [("low", 0.75), ("high", 0.25)]
    assert response.model_spec.version.value == 2
    request = regression_pb2.RegressionRequest(input=examples(1.0, 2.0))
    request.model_spec.name, request.model_spec.signature_name = "tiny", "regress_x"
    assert [one.value for one in stub.Regress(request).result.regressions] == [2.5, 3.0]
    request.model_spec.signature_name = ""
    assert refusal(stub.Regress, request) == (
        "INVALID_ARGUMENT",
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: "
        "tensorflow/serving/predict",
    )
    request.ClearField("input")
    request.model_spec.signature_name = "regress_x"
    assert refusal(stub.Regress, request) == ("INVALID_ARGUMENT", "Input is empty.")


def test_multi_inference_answers_every_task(stub, examples):
    from tensorflow_serving.apis import inference_pb2

    request = inference_pb2.MultiInferenceRequest(input=examples(1.0))
    for kind in ("classify", "regress"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{kind}")
        task.model_spec.name, task.model_spec.signature_name = "tiny", f"{kind}_x"
    first, second = stub.MultiInference(request).results
    assert [one.score for one in first.classification_result.classifications[0].classes] == [0, 1]
    assert second.regression_result.regressions[0].value == 2.5
    request.tasks[1].method_name = "tensorflow/serving/thaw"
    assert refusal(stub.MultiInference, request) == (
        "UNIMPLEMENTED",
        "Unsupported signature method_name: tensorflow/serving/thaw",
    )
    request.tasks[1].CopyFrom(request.tasks[0])
    assert refusal(stub.MultiInference, request) == (
        "INVALID_ARGUMENT",
        "Duplicate evaluation of signature: classify_x",
    )
    request.tasks[1].model_spec.name = "other"
    assert refusal(stub.MultiInference, request)[1].startswith("All ModelSpecs in a Multi")
    request.tasks[1].model_spec.name = ""
    assert refusal(stub.MultiInference, request)[1] == "Found ModelSpec with an empty model name."


def test_metadata_is_the_signature_map(stub):
    from tensorflow_serving.apis import get_model_metadata_pb2

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    assert refusal(stub.GetModelMetadata, request) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    request.model_spec.name = "tiny"
    response = stub.GetModelMetadata(request)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    assert found.signature_def["halve"].inputs["x"].dtype == 1
    assert response.model_spec.version.value == 2
    request.metadata_field.append("weights")
    assert refusal(stub.GetModelMetadata, request) == (
        "INVALID_ARGUMENT",
        "Metadata field weights is not supported",
    )
    del request.metadata_field[:]
    assert refusal(stub.GetModelMetadata, request)[1].startswith("GetModelMetadataRequest must")


def test_status_of_versions(models):
    from tensorflow_serving.apis import get_model_status_pb2

    request = get_model_status_pb2.GetModelStatusRequest()
    assert refusal(models.GetModelStatus, request) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    request.model_spec.name = "tiny"
    states = models.GetModelStatus(request).model_version_status
    assert [(one.version, one.state, one.status.error_code) for one in states] == [
        (2, 30, 0),
        (1, 30, 0),
    ]
    request.model_spec.version.value = 7
    assert refusal(models.GetModelStatus, request) == (
        "NOT_FOUND",
        "Could not find version 7 of model tiny",
    )


@pytest.fixture(scope="module")
def two_models(tmp_path_factory, make_version):
    folder = tmp_path_factory.mktemp("two")
    for name in ("first", "second"):
        for version in ("1", "2"):
            make_version(folder / name / version)
    return folder


@pytest.fixture(scope="module")
def reloadable(two_models, start_server):
    """A server that is told anew what it serves: its two stubs."""
    import grpc
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    with (
        start_server(two_models / "first") as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        yield (
            model_service_pb2_grpc.ModelServiceStub(channel),
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
        )


@pytest.fixture
def reload_request(two_models):
    """A ReloadConfigRequest for version 1 of `second`, which it labels `old`."""
    from tensorflow_serving.apis import model_management_pb2

    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add(
        name="second", base_path=str(two_models / "second"), model_platform="tensorflow"
    )
    config.model_version_policy.specific.versions.append(1)
    config.version_labels["old"] = 1
    return request


def test_reloaded_configuration_takes_the_place_of_the_old_one(
    reloadable, reload_request, request_
):
    models, stub = reloadable
    assert models.HandleReloadConfigRequest(reload_request).status.error_code == 0
    answer = stub.Predict(request_("halve", name="second", label="old", x=1.0))
    assert answer.model_spec.version.value == 1
    assert refusal(stub.Predict, request_("halve", name="first", x=1.0)) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(first)",
    )


def test_reloaded_policy_loads_more_versions(reloadable, reload_request):
    from tensorflow_serving.apis import get_model_status_pb2

    models, _ = reloadable
    config = reload_request.config.model_config_list.config[0]
    config.model_version_policy.all.SetInParent()
    models.HandleReloadConfigRequest(reload_request)
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "second"
    states = models.GetModelStatus(status).model_version_status
    assert [(one.version, one.state) for one in states] == [(2, 30), (1, 30)]


def test_configuration_that_cannot_be_is_refused(reloadable, reload_request):
    models, _ = reloadable
    config = reload_request.config.model_config_list.config[0]
    config.version_labels["new"] = 2
    assert refusal(models.HandleReloadConfigRequest, reload_request) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 2 of model second, which is not currently available "
        "for inference",
    )
    reload_request.config.model_config_list.config.add().CopyFrom(config)
    code, details = refusal(models.HandleReloadConfigRequest, reload_request)
    assert (code, details[:30]) == ("INVALID_ARGUMENT", "Illegal to list model second m")
    config.base_path = "second"
    code, details = refusal(models.HandleReloadConfigRequest, reload_request)
    assert (code, details[:30]) == ("INVALID_ARGUMENT", "Expected model second to have ")
    reload_request.ClearField("config")
    code, details = refusal(models.HandleReloadConfigRequest, reload_request)
    assert (code, details[:30]) == ("INVALID_ARGUMENT", "ServerModelConfig type not sup")
