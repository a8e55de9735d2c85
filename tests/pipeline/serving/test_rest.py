"""The REST interface, request by request, against TF Serving's documentation and source."""

import gzip
import json
import socket

import pytest

pytestmark = pytest.mark.graph

PREDICT = "/v1/models/tiny:predict"


def halve(value):
    return {"signature_name": "halve", **value}


def test_image_is_answered_with_every_output_of_its_row(server, png, b64):
    reply = server.post(PREDICT, {"instances": [b64(png(255))]})
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body.decode() == (
        '{\n    "predictions": [\n        {\n            "classes": ["cold-2", "warm-2"],\n'
        '            "label": "warm-2",\n            "score": 1.0,\n'
        '            "scores": [0.0, 1.0]\n        }\n    ]\n}'
    )


@pytest.mark.parametrize(
    "spelling",
    [
        lambda image: {"instances": [image, image]},
        lambda image: {"instances": [{"image_bytes": image}, {"image_bytes": image}]},
        lambda image: {"inputs": [image, image]},
        lambda image: {"inputs": {"image_bytes": [image, image]}},
        lambda image: {"signature_name": "serving_default", "instances": [image, image]},
    ],
    ids=["rows", "named rows", "columns", "named columns", "signature"],
)
def test_every_spelling_of_a_request_has_the_same_answer(server, png, b64, spelling):
    document = server.post(PREDICT, spelling(b64(png(0)))).json()
    if "outputs" in document:
        assert document["outputs"]["label"] == ["cold-2", "cold-2"]
    else:
        assert [row["label"] for row in document["predictions"]] == ["cold-2", "cold-2"]


# Replies as TF Serving's documentation and tests have them, to the byte.
REPLIES = [
    (halve({"instances": [1.0, 2.0, 5.0]}), '"predictions": [2.5, 3.0, 4.5\n    ]'),
    (
        halve({"instances": [[1.0, 2.0], [3.0, 4.0]]}),
        '"predictions": [[2.5, 3.0], [3.5, 4.0]\n    ]',
    ),
    (halve({"inputs": [3.0, 4]}), '"outputs": [\n        3.5,\n        4.0\n    ]'),
    (halve({"inputs": 3.0}), '"outputs": 3.5'),
    (halve({"inputs": {"x": [3.0]}}), '"outputs": [\n        3.5\n    ]'),
    (halve({"inputs": []}), '"outputs": []'),
    (
        '{"signature_name": "halve", "instances": [NaN, Infinity, -Infinity]}',
        '"predictions": [NaN, Infinity, -Infinity\n    ]',
    ),
    (halve({"instances": [0.0001, 1e8, 0.2]}), '"predictions": [2.00005, 5e+07, 2.1\n    ]'),
    (
        {"signature_name": "echo_one", "instances": ["a", {"b64": "//8="}]},
        '"predictions": [{\n            "b64": "YQ=="\n        }, {\n            "b64": "//8="\n'
        "        }\n    ]",
    ),
    (
        {"signature_name": "echo", "instances": ["é"]},
        '"predictions": [\n        {\n            "n": 2,\n            "x_bytes": {\n'
        '                "b64": "w6k="\n            }\n        }\n    ]',
    ),
    (
        {"signature_name": "types", "instances": [{"i": 9007199254740993, "d": 0.1, "t": True}]},
        '"predictions": [\n        {\n            "d": 0.2,\n            "i": 9007199254740994,\n'
        '            "t": false\n        }\n    ]',
    ),
    ({"signature_name": "scalar", "inputs": [1.0, 2.0]}, '"outputs": 3.0'),
]


@pytest.mark.parametrize(("request_", "reply"), REPLIES)
def test_reply_is_written_as_tf_serving_writes_it(server, request_, reply):
    answer = server.post(PREDICT, request_)
    assert answer.body.decode() == f"{{\n    {reply}\n}}"
    assert (answer.status, answer.content_type) == (200, "application/json")


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/models/tiny/versions/1:predict", "warm-1"),
        ("/v1/models/tiny/versions/2:predict", "warm-2"),
        ("/v1/models/tiny/versions/002:predict", "warm-2"),
        ("/v1/models/tiny/labels/stable:predict", "warm-1"),
        ("/v1/models/tiny:predict", "warm-2"),
        ("/V1/Models/tiny:predict", "warm-2"),
        ("/v1/models/%74iny:predict?x=1", "warm-2"),
    ],
)
def test_version_and_label_choose_who_answers(server, png, b64, path, label):
    reply = server.post(path, {"inputs": [b64(png(255))]})
    assert reply.json()["outputs"]["label"] == [label]


# The status and the beginning of the error, with the place in TF Serving's source.
REFUSALS = [
    # json_tensor.cc, ParseJson
    (PREDICT, "", 400, "JSON Parse error: The document is empty"),
    (PREDICT, " \n", 400, "JSON Parse error: The document is empty"),
    (PREDICT, "instances = [1, 2]", 400, "JSON Parse error: Invalid value. at offset: 0"),
    (PREDICT, '{"instances": [1,]}', 400, "JSON Parse error: Invalid value. at offset: 17"),
    (PREDICT, '{"é": tru}', 400, "JSON Parse error: Invalid value. at offset: 7"),
    (PREDICT, "{1}", 400, "JSON Parse error: Missing a name for object member."),
    (PREDICT, '{"a" 1}', 400, "JSON Parse error: Missing a colon after a name of object member."),
    (PREDICT, "{} {}", 400, "JSON Parse error: The document root must not be followed by other"),
    (PREDICT, '{"a": 1e999}', 400, "JSON Parse error: Number too big to be stored in double."),
    (PREDICT, '{"a": ' + "9" * 5000 + "}", 400, "JSON Parse error: "),
    (PREDICT, "[" * 100_000, 400, "JSON Parse error: "),
    (PREDICT, "[1]", 400, "JSON Value: [\n    1\n] Is not object"),
    # FillSignature, GetInfoMap
    (PREDICT, {"signature_name": 100}, 400, 'JSON Value: {\n    "signature_name": 100\n} not '),
    (
        PREDICT,
        {"signature_name": "thaw", "instances": [1]},
        400,
        'Serving signature name: "thaw" not found in signature def',
    ),
    # FillPredictRequestFromJson
    (PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
    (PREDICT, {"inputs": 1, "instances": 1}, 400, "JSON Value: {"),
    (PREDICT, {"instances": "x"}, 400, "JSON Value: {"),
    (PREDICT, {"instances": []}, 400, "JSON Value: {"),
    # FillTensorMapFromInstancesList
    (
        PREDICT,
        halve({"instances": ["x", "y"]}),
        400,
        "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
        'JSON Value: "x" Type: String is not of expected type: float',
    ),
    (
        PREDICT,
        halve({"instances": [[1], 2]}),
        400,
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        "Expecting shape [1] but got: []",
    ),
    (
        PREDICT,
        halve({"instances": [[1], [1, 2]]}),
        400,
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        "Expecting tensor size: 1 but got: 2",
    ),
    (
        PREDICT,
        halve({"instances": [{"x": 1}, 2]}),
        400,
        "Expecting object but got list at item 1 of input list",
    ),
    (
        PREDICT,
        halve({"instances": [1, {"x": 1}]}),
        400,
        "Expecting value/list but got object at item 1 of input list",
    ),
    (
        PREDICT,
        halve({"instances": [{"z": 1}]}),
        400,
        "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
        "JSON object: does not have named input: z",
    ),
    (
        PREDICT,
        {"signature_name": "types", "instances": [{"i": 1}]},
        400,
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"i\": 1\n} keys "
        "must be equal to: d,i,t",
    ),
    (
        PREDICT,
        {"signature_name": "types", "instances": [1]},
        400,
        "instances is a plain list, but expecting list of objects as multiple input tensors",
    ),
    # FillTensorMapFromInputsMap
    (PREDICT, {"signature_name": "types", "inputs": [1]}, 400, "inputs is a plain value/list"),
    (PREDICT, halve({"inputs": {}}), 400, "Missing named input: x in 'inputs' object."),
    # FillTensorProto, AddValueToTensor
    (PREDICT, halve({"inputs": [[1], [2, 3]]}), 400, "Encountered list at unexpected size: 2 at "),
    (PREDICT, halve({"inputs": [1, [2]]}), 400, "Encountered list at unexpected level: 1 expected"),
    (PREDICT, halve({"inputs": [[1], 2]}), 400, "JSON Value: 2 found at incorrect level: 2 in "),
    (PREDICT, halve({"inputs": [16777216]}), 400, "Cannot convert JSON value: 16777216 to float"),
    (PREDICT, halve({"inputs": [1e39]}), 400, "Cannot convert JSON value: 1e+39 to float without"),
    (PREDICT, halve({"inputs": [None]}), 400, "JSON Value: null Type: Null is not of expected "),
    (PREDICT, halve({"inputs": [True]}), 400, "JSON Value: true Type: True is not of expected "),
    (PREDICT, halve({"inputs": {"x": [{"b64": "YQ=="}]}}), 400, "JSON Value: {"),
    (PREDICT, {"inputs": [1]}, 400, "JSON Value: 1 Type: Number is not of expected type: string"),
    (PREDICT, {"inputs": [{"b64": 1}]}, 400, 'JSON Value: {\n    "b64": 1\n} not formatted '),
    (PREDICT, {"inputs": [{"b64": "a-_="}]}, 400, "Unable to base64 decode"),
    (PREDICT, {"inputs": [{"b64": "abcde"}]}, 400, "Unable to base64 decode"),
    (PREDICT, {"signature_name": "small", "inputs": [1 << 31]}, 400, "JSON Value: 2147483648 Typ"),
    (PREDICT, {"signature_name": "small", "inputs": [1.5]}, 400, "JSON Value: 1.5 Type: Number "),
    (PREDICT, {"signature_name": "halves", "inputs": [1]}, 501, "Conversion of JSON Value: 1 to "),
    # MakeRowFormatJsonFromTensors
    (PREDICT, {"signature_name": "scalar", "instances": [1.0]}, 400, "Tensor name: total has no "),
    (
        PREDICT,
        {"signature_name": "uneven", "instances": [1.0, 2.0]},
        400,
        "Tensor name: first has inconsistent batch size: 1 expecting: 2",
    ),
    # The graph itself
    (PREDICT, {"instances": ["no image"]}, 400, "Unknown image file format."),
    (PREDICT, {"inputs": "x"}, 400, "input image_bytes is expected to be of shape (None,)"),
    # basic_manager.cc, server_core.cc
    ("/v1/models/none:predict", {"inputs": 1}, 404, "Servable not found for request: Latest(none)"),
    (
        "/v1/models/tiny/versions/7:predict",
        {"inputs": 1},
        404,
        "Servable not found for request: Specific(tiny, 7)",
    ),
    (
        "/v1/models/tiny/labels/none:predict",
        {"inputs": 1},
        400,
        "Unrecognized servable version label: none",
    ),
    # http_rest_api_util.cc
    (
        f"/v1/models/tiny/versions/{1 << 63}:predict",
        {"inputs": 1},
        400,
        f"Failed to convert version: {1 << 63} to numeric.",
    ),
    ("/v1/models/tiny/versions/one:predict", {}, 400, "Malformed request: POST /v1/models/tiny/v"),
    ("/v1/models/tiny/version/1:predict", {}, 400, "Malformed request: POST /v1/models/tiny/vers"),
    ("/v1/models/tiny/versions/1/labels/stable:predict", {}, 400, "Malformed request: POST"),
    ("/v1/models/tiny:thaw", {}, 400, "Malformed request: POST /v1/models/tiny:thaw"),
    ("/v1/models/tiny", {}, 400, "Malformed request: POST /v1/models/tiny"),
    ("/v1/models/tiny/metadata", {}, 400, "Malformed request: POST /v1/models/tiny/metadata"),
    ("/v1/models", {}, 400, "Malformed request: POST /v1/models"),
    ("/v1/foo", {}, 400, "Malformed request: POST /v1/foo"),
    # classifier.cc, regressor.cc, util.cc
    (
        "/v1/models/tiny:classify",
        {"examples": [{"x": 1.0}]},
        400,
        "Expected classification signature method_name to be tensorflow/serving/classify. Was: "
        "tensorflow/serving/predict",
    ),
    (
        "/v1/models/tiny:regress",
        {"examples": [{"x": 1.0}]},
        400,
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: "
        "tensorflow/serving/predict",
    ),
    (
        "/v1/models/tiny:classify",
        {"signature_name": "thaw", "examples": [{"x": 1.0}]},
        400,
        "No signature was found with the name: thaw",
    ),
    ("/v1/models/tiny:classify", {}, 400, "JSON Value: {} When method is classify, key 'examples'"),
    ("/v1/models/tiny:classify", {"examples": 1}, 400, "JSON Value: {"),
    ("/v1/models/tiny:classify", {"examples": []}, 400, "JSON Value: {"),
    (
        "/v1/models/tiny:classify",
        {"examples": [1]},
        400,
        "Example must be JSON object but got JSON",
    ),
    (
        "/v1/models/tiny:classify",
        {"examples": [{"x": [1.0, "a"]}]},
        400,
        "Unexpected element type in feature: x expecting type: float",
    ),
    (
        "/v1/models/tiny:classify",
        {"examples": [{"x": [[1.0]]}]},
        400,
        "Feature: x has element with unexpected JSON type: Array",
    ),
    (
        "/v1/models/tiny:classify",
        {"examples": [{"x": 1 << 63}]},
        400,
        "Feature: x has uint64 element. Only int64 is supported.",
    ),
]


@pytest.mark.parametrize(("path", "request_", "status", "error"), REFUSALS)
def test_refusal_has_the_status_and_the_words_of_tf_serving(server, path, request_, status, error):
    reply = server.post(path, request_)
    assert (reply.status, reply.content_type) == (status, "application/json")
    assert reply.error[: len(error)] == error


def test_long_values_are_shown_by_their_beginning(server):
    reply = server.post(PREDICT, {"instances": "x" * 100_000})
    assert reply.status == 400
    assert len(reply.body) < 2000


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_malformed_requests(server, method):
    reply = server.request(method, "/v1/models/tiny")
    assert (reply.status, reply.error) == (400, f"Malformed request: {method} /v1/models/tiny")


def test_head_is_refused_without_a_body(server):
    reply = server.request("HEAD", "/v1/models/tiny")
    assert (reply.status, reply.body) == (400, b"")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models/tiny", "/metrics"])
def test_other_paths_are_not_found_in_html(server, path):
    reply = server.get(path)
    assert reply.status == 404
    assert reply.content_type.startswith("text/html")
    assert b"<TITLE>404 Not Found</TITLE>" in reply.body


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/none", 404, "Could not find any versions of model none"),
        ("/v1/models/tiny/versions/7", 404, "Could not find version 7 of model tiny"),
        ("/v1/models/tiny/labels/none", 400, "Unrecognized servable version label: none"),
        ("/v1/models/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("/v1/models/tiny:predict", 400, "Malformed request: GET /v1/models/tiny:predict"),
        ("/v1/models/tiny/names", 400, "Malformed request: GET /v1/models/tiny/names"),
        ("/v1/foo", 400, "Malformed request: GET /v1/foo"),
    ],
)
def test_status_and_metadata_of_nothing_are_refused(server, path, status, error):
    reply = server.get(path)
    assert (reply.status, reply.error) == (status, error)


def test_status_lists_every_version_the_highest_first(server):
    reply = server.get("/v1/models/tiny")
    good = {"error_code": "OK", "error_message": ""}
    assert reply.json() == {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": good} for version in ("2", "1")
        ]
    }
    # The layout of TF Serving's documentation.
    assert reply.body.startswith(b'{\n "model_version_status": [\n  {\n   "version": "2",\n')


@pytest.mark.parametrize("path", ["/v1/models/tiny/versions/1", "/v1/models/tiny/labels/stable"])
def test_status_of_one_version(server, path):
    (status,) = server.get(path).json()["model_version_status"]
    assert (status["version"], status["state"]) == ("1", "AVAILABLE")


def test_metadata_holds_the_signatures(server):
    document = server.get("/v1/models/tiny/metadata").json()
    assert document["model_spec"] == {"name": "tiny", "signature_name": "", "version": "2"}
    signatures = document["metadata"]["signature_def"]["signature_def"]
    default = signatures["serving_default"]
    assert default["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert default["inputs"]["image_bytes"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    assert set(default["outputs"]) == {"label", "score", "scores", "classes"}


def test_classify_answers_labels_with_scores(server):
    request = {"signature_name": "classify_x", "examples": [{"x": 0.25}, {"x": [1.0]}]}
    reply = server.post("/v1/models/tiny:classify", request)
    assert reply.body.decode() == (
        '{\n    "results": [\n        [["low", 0.75], ["high", 0.25]],\n'
        '        [["low", 0.0], ["high", 1.0]]\n    ]\n}'
    )


def test_regress_answers_numbers_and_merges_the_context(server):
    request = {"signature_name": "regress_x", "examples": [{"x": 1.0}, {"x": 2.0}]}
    reply = server.post("/v1/models/tiny:regress", request)
    assert reply.body.decode() == '{\n    "results": [2.5, 3.0]\n}'
    request = {"signature_name": "regress_x", "context": {"x": 4.0}, "examples": [{}, {"y": "a"}]}
    assert server.post("/v1/models/tiny:regress", request).json() == {"results": [4.0, 4.0]}


def test_content_type_of_the_request_does_not_matter(server):
    body = json.dumps(halve({"inputs": 1.0}))
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        reply = server.request("POST", PREDICT, body, {"Content-Type": content_type})
        assert reply.json() == {"outputs": 2.5}


def test_compressed_request_is_unpacked(server):
    body = gzip.compress(json.dumps(halve({"inputs": 1.0})).encode())
    reply = server.request("POST", PREDICT, body, {"Content-Encoding": "gzip"})
    assert reply.json() == {"outputs": 2.5}


def test_utf8_mark_and_bytes_that_are_no_utf8_go_through(server):
    body = b'\xef\xbb\xbf{"signature_name": "echo_one", "inputs": ["\xff"]}'
    assert server.post(PREDICT, body).json() == {"outputs": [{"b64": "/w=="}]}


def test_server_listens_on_the_loopback_alone(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # Sends nothing: it only chooses our own address.
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no address but the loopback")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own, server.rest_port), timeout=5)
