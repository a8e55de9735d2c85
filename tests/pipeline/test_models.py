"""Where a pushed model is found, and how TF Serving's REST interface is spoken."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline import models
from pipeline.models import Answer, RefusedError, RemoteModel, ServerError
from trainer.errors import ConfigError


def make_model(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_folder_of_a_saved_model_is_taken_as_it_is(tmp_path):
    model = make_model(tmp_path / "anything")
    assert models.saved_model_folder(model) == model


def test_highest_version_is_the_highest_number_not_the_last_name(tmp_path):
    for version in ("9", "10", "1", "11-unfinished"):
        make_model(tmp_path / version)
    (tmp_path / "12").mkdir()  # a version that is being written has no saved_model.pb yet
    assert models.saved_model_folder(tmp_path) == tmp_path / "10"


def test_work_directory_stands_for_the_model_that_it_serves(tmp_path):
    model = make_model(tmp_path / "serving" / "frostline" / "17")
    assert models.saved_model_folder(tmp_path) == model


def test_work_directory_with_two_models_asks_which(tmp_path):
    for name in ("cats", "dogs"):
        make_model(tmp_path / "serving" / name / "1")
    with pytest.raises(ConfigError, match=r"several models; name one of .*serving/cats, "):
        models.saved_model_folder(tmp_path)


@pytest.mark.parametrize("exists", [True, False])
def test_folder_without_a_model_says_what_would_be_one(tmp_path, exists):
    folder = tmp_path / "w"
    if exists:
        (folder / "serving").mkdir(parents=True)
    with pytest.raises(ConfigError, match="w holds no pushed model: should be a work directory"):
        models.opened(str(folder))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8501",
        "http://localhost:8501/v1/models",
        "http://localhost:8501/v1/models/m/versions/one",
        "http://localhost:8501/v1/models/m:classify",
    ],
)
def test_url_that_is_none_of_tf_serving_shows_one(url):
    with pytest.raises(ConfigError, match="should be http://HOST:8501/v1/models/NAME"):
        models.opened(url)


ROW = {"label": "cat", "score": 0.75, "scores": [0.75, 0.25], "classes": ["cat", "dog"]}
ANSWER = Answer(label="cat", score=0.75, scores={"cat": 0.75, "dog": 0.25})


class Server:
    """Answers as TF Serving does: a row each, and 400 for a batch with a broken image."""

    def __init__(self, *, status=200, body=None, delay_seconds=0.0):
        self.status, self.body, self.delay_seconds = status, body, delay_seconds
        self.paths = []
        self.batches = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                request = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = server.answer(self.path, json.loads(request))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(reply.encode())

            def log_message(self, format, *args):
                """Keep quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1/models/m"

    def answer(self, path, request):
        time.sleep(self.delay_seconds)
        images = [base64.b64decode(one["b64"], validate=True) for one in request["instances"]]
        self.paths.append(path)
        self.batches.append(images)
        if self.body is not None:
            return self.status, self.body
        if b"broken" in images:
            return 400, json.dumps(
                {"error": "{{function_node f}} Unknown image file format.\n\t [[{{node x}}]]"}
            )
        return 200, json.dumps({"predictions": [ROW for _ in images]})


@pytest.fixture
def serve():
    servers = []

    def start(**options):
        server = Server(**options)
        threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


def test_images_are_sent_as_tf_serving_takes_them(serve):
    server = serve()
    assert models.opened(server.url)([b"\xff\xd8one", b"\x89two"]) == [ANSWER, ANSWER]
    assert server.paths == ["/v1/models/m:predict"]
    assert server.batches == [[b"\xff\xd8one", b"\x89two"]]


@pytest.mark.parametrize("suffix", ["", "/", ":predict", "/versions/3", "/labels/stable:predict"])
def test_url_may_name_a_version_and_the_verb(serve, suffix):
    server = serve()
    models.opened(server.url + suffix)([b"image"])
    expected = "/v1/models/m" + suffix.rstrip("/").removesuffix(":predict") + ":predict"
    assert server.paths == [expected]


def test_an_image_that_cannot_be_read_has_its_reason_and_the_others_their_answers(serve):
    unread = {"label": "", "score": 0.0, "scores": [0, 0], "classes": ["cat", "dog"]}
    rows = [ROW | {"error": ""}, unread | {"error": "damaged"}, ROW]
    server = serve(body=json.dumps({"predictions": rows}))
    assert models.opened(server.url)([b"one", b"two", b"three"]) == [ANSWER, "damaged", ANSWER]


def test_refused_image_is_told_apart_from_a_failing_server(serve):
    with pytest.raises(RefusedError, match=r"^Unknown image file format\.$"):
        models.opened(serve().url)([b"image", b"broken"])


def test_unknown_model_is_told_with_what_to_check(serve):
    server = serve(status=404, body='{"error": "Servable not found for request: Latest(m)"}')
    with pytest.raises(ServerError) as caught:
        models.opened(server.url)([b"image"])
    assert "404 Not Found: Servable not found for request: Latest(m)" in str(caught.value)
    assert "check the model's name" in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_failing_server_is_told_with_its_status(serve, status):
    server = serve(status=status, body="no json")
    with pytest.raises(ServerError, match=f"answers {status} .*: no json; try again"):
        models.opened(server.url)([b"image"])


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        '{"outputs": []}',
        '{"predictions": [0.5]}',
        '{"predictions": []}',
        '{"predictions": [{"label": "cat"}]}',
    ],
)
def test_answer_of_another_kind_of_model_is_told(serve, body):
    server = serve(body=body)
    with pytest.raises(ServerError, match="does not answer as a Frostline model"):
        models.opened(server.url)([b"image"])


def test_refused_connection_says_what_to_check(serve):
    server = serve()
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(ServerError, match=r"cannot be reached \(Connection refused\)"):
        models.opened(server.url)([b"image"])


def test_slow_server_is_given_up(serve):
    server = serve(delay_seconds=0.5)
    with pytest.raises(ServerError, match="did not answer in time"):
        RemoteModel(server.url, answer_seconds=0.05)([b"image"])
