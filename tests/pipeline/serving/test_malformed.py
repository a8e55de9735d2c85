"""Requests that nobody meant: never a crash, never a 5xx, never memory without bound."""

import base64
import json
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.graph

QUIETLY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
RESIDENT_GROWTH_BYTES = 400_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(
    st.integers(-(1 << 70), 1 << 70), st.floats(), st.sampled_from([0, -0.0, 1e38, 1 << 63])
)
base64s = st.binary(max_size=20).map(lambda content: {"b64": base64.b64encode(content).decode()})
leaves = st.one_of(st.none(), st.booleans(), numbers, texts, base64s, st.just({"b64": 1}))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(["x", "b64", "i", "d", "t", "image_bytes"]), texts),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
names = st.sampled_from(
    ["serving_default", "halve", "echo", "echo_one", "types", "small", "scalar", "uneven"]
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.one_of(names, names, leaves),
        "instances": st.one_of(st.lists(values, max_size=4), values),
        "inputs": values,
        "examples": values,
        "context": values,
    },
)
PARTS = [
    "/v1",
    "/models",
    "/tiny",
    "/versions",
    "/labels",
    "/1",
    "/metadata",
    ":predict",
    ":classify",
    "?a=b",
    "#c",
    "/",
    "//",
    "/..",
    "%2f",
    "%",
    "%00",
    "/999999999999999999999999999999",
]
apis = st.sampled_from(["predict", "predict", "classify", "regress"])


def resident_bytes(server):
    statm = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    return int(statm[1]) * 4096


def is_well(server):
    reply = server.post("/v1/models/tiny:predict", {"signature_name": "halve", "inputs": 1.0})
    return reply.json() == {"outputs": 2.5}


@QUIETLY
@given(document=documents, api=apis)
def test_any_document_is_answered_or_refused(server, document, api):
    reply = server.post(f"/v1/models/tiny:{api}", document)
    assert reply.status in {200, 400}
    assert reply.json()


@QUIETLY
@given(
    body=st.one_of(st.binary(max_size=200), documents.map(json.dumps).map(str.encode)), at=st.data()
)
def test_any_bytes_are_answered_or_refused(server, body, at):
    cut = at.draw(st.integers(0, len(body)))
    broken = body[:cut] + at.draw(st.binary(max_size=3)) + body[cut + 1 :]
    assert server.post("/v1/models/tiny:predict", broken).status in {200, 400}


@QUIETLY
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE"]),
    path=st.one_of(
        st.lists(
            st.sampled_from(PARTS),
            max_size=8,
        ).map("".join),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    ),
)
def test_any_address_is_answered_or_refused(server, method, path):
    reply = server.request(method, "/" + path.removeprefix("/"), b"{}" if method == "POST" else b"")
    assert reply.status in {200, 400, 404}


@QUIETLY
@given(content=st.binary(max_size=300))
def test_any_bytes_on_the_wire_leave_the_server_well(server, content):
    with socket.create_connection((server.host, server.rest_port), timeout=5) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not answer.startswith(b"HTTP/1.1 5")
    assert not answer.startswith(b"HTTP/1.0 5")


@pytest.mark.parametrize(
    "head",
    [
        "POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1e3\r\n\r\n",
        "POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "zz\r\n",
        "POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 4\r\n\r\nnope",
        "GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
        "THAW /v1/models/tiny HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/models/tiny HTTP/9.9\r\n\r\n",
    ],
    ids=["negative", "no number", "bad chunk", "no gzip", "long", "method", "version"],
)
def test_broken_http_is_a_bad_request(server, head):
    with socket.create_connection((server.host, server.rest_port), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert is_well(server)


def test_flattened_and_swollen_bodies_stay_within_bounds(server):
    before = resident_bytes(server)
    bodies = [
        '{"instances": [' + "[],[" * 500_000 + "1" + "]" * 500_000 + "]}",
        '{"signature_name": "halve", "instances": [' + "[]," * 700_000 + "[]]}",
        '{"signature_name": "halve", "inputs": [' + "0," * 700_000 + "0]}",
        '{"instances": "' + "x" * 10_000_000 + '"}',
    ]
    for body in bodies:
        assert server.post("/v1/models/tiny:predict", body).status in {200, 400}
    assert resident_bytes(server) - before < RESIDENT_GROWTH_BYTES
    assert is_well(server)


def test_body_beyond_the_bound_is_refused_before_it_is_read(server):
    with socket.create_connection((server.host, server.rest_port), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\n"
            b"Content-Length: 9999999999\r\n\r\n"
        )
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"The request is larger than 33554432 bytes" in answer


def test_body_that_unpacks_beyond_the_bound_is_refused(server):
    import gzip

    bomb = gzip.compress(b" " * 50_000_000)
    before = resident_bytes(server)
    headers = {"Content-Encoding": "gzip"}
    reply = server.request("POST", "/v1/models/tiny:predict", bomb, headers)
    assert reply.status == 413
    assert resident_bytes(server) - before < RESIDENT_GROWTH_BYTES


def test_any_bytes_over_grpc_leave_the_server_well(server):
    import grpc

    channel = grpc.insecure_channel(server.grpc_address)
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")

    @QUIETLY
    @given(content=st.binary(max_size=100))
    def send(content):
        with pytest.raises(grpc.RpcError) as error:
            call(content, timeout=10)
        code = error.value.code()  # pyright: ignore[reportAttributeAccessIssue]
        # gRPC itself answers UNKNOWN to what is no message of the protocol.
        assert code in {
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.UNKNOWN,
        }

    send()
    channel.close()
    assert is_well(server)


def test_tensor_that_claims_more_than_it_holds_is_refused(server):
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.signature_name = "halve"
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.float_val.append(1.0)
    channel = grpc.insecure_channel(server.grpc_address)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    before = resident_bytes(server)
    for sizes in ([1 << 40], [1 << 31, 1 << 31, 1 << 31], [-1], [1] * 300, [0, 1 << 62]):
        del tensor.tensor_shape.dim[:]
        for size in sizes:
            tensor.tensor_shape.dim.add(size=size)
        with pytest.raises(grpc.RpcError) as error:
            stub.Predict(request, timeout=20)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT  # pyright: ignore[reportAttributeAccessIssue]
    tensor.ClearField("tensor_shape")
    tensor.tensor_content = struct.pack("fff", 1, 2, 3)
    tensor.tensor_shape.dim.add(size=7)
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request, timeout=20)
    assert error.value.details() == "tensor parsing error: x"  # pyright: ignore[reportAttributeAccessIssue]
    channel.close()
    assert resident_bytes(server) - before < RESIDENT_GROWTH_BYTES
