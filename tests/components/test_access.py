"""What a remote data set lacks is told at once, and what works is left alone."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, TransportError

from components import access, inputs
from trainer.errors import DataError

pytestmark = pytest.mark.graph


class Cloud(HTTPServer):
    """Answers every listing with `answer`, and notes the paths that it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Bucket)
        self.answer = (200, b"{}")
        self.asked = []


class Bucket(BaseHTTPRequestHandler):
    def do_GET(self):
        assert isinstance(self.server, Cloud)
        status, body = self.server.answer
        self.server.asked.append(self.path)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def cloud(monkeypatch):
    """Google Cloud Storage on this machine, for a person without credentials."""

    def nobody(**options):
        raise DefaultCredentialsError("none")

    server = Cloud()
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(google.auth, "default", nobody)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def boto3(monkeypatch):
    """A package of that name, which finds what is set as `found`."""
    session = SimpleNamespace(get_credentials=lambda: package.found)
    package = SimpleNamespace(
        __spec__=object(), found=None, session=SimpleNamespace(Session=lambda: session)
    )
    monkeypatch.setitem(sys.modules, "boto3", package)
    return package


def test_google_bucket_that_strangers_may_not_list_needs_credentials(cloud):
    cloud.answer = (401, b"{}")
    with pytest.raises(DataError) as refused:
        inputs.find("gs://bucket/photos")
    message = str(refused.value)
    assert message.startswith("gs://bucket/photos cannot be read: there are no Google credentials")
    assert "the bucket bucket is not shown (401 Unauthorized)" in message
    assert "run `gcloud auth application-default login`" in message
    assert "GOOGLE_APPLICATION_CREDENTIALS" in message
    assert len(cloud.asked) == 1


def test_server_that_fails_is_asked_only_once(cloud):
    cloud.answer = (503, b"{}")
    with pytest.raises(DataError, match=r"not shown \(503 "):
        access.check("gs://bucket/photos")
    assert len(cloud.asked) == 1


def test_public_google_bucket_needs_no_credentials(cloud):
    cloud.answer = (200, b'{"kind": "storage#objects"}')
    access.check("gs://bucket/photos")
    [asked] = cloud.asked
    assert asked.startswith("/storage/v1/b/bucket/o?")


def test_no_network_is_told_with_what_else_is_missing(cloud, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    with pytest.raises(DataError, match=r"no Google credentials .*ConnectionError.*gcloud auth"):
        access.check("gs://bucket/photos")


def test_key_file_that_cannot_be_used_is_named(cloud, monkeypatch):
    cloud.answer = (401, b"{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "keys/none.json")
    with pytest.raises(DataError, match=r"GOOGLE_APPLICATION_CREDENTIALS is keys/none\.json: none"):
        access.check("gs://bucket/photos")


def test_metadata_server_is_given_a_second(monkeypatch):
    """It answers at once or not at all; Google's own wait is three times as long."""
    waits = []

    def transport(self, **options):
        waits.append(options["timeout"])
        raise TransportError("nobody there")

    def default(request):
        with pytest.raises(TransportError):
            request(url="http://127.0.0.1/", method="GET", timeout=3)
        return AnonymousCredentials(), None

    monkeypatch.setattr("google.auth.transport.requests.Request.__call__", transport)
    monkeypatch.setattr(google.auth, "default", default)
    access.check("gs://bucket/photos")
    assert waits == [1.0]


def test_google_bucket_is_not_asked_for_where_there_are_credentials(cloud, monkeypatch):
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
    access.check("gs://bucket/photos")
    assert not cloud.asked


def test_amazon_needs_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"^s3://bucket/photos .*boto3.*pip install") as refused:
        inputs.find("s3://bucket/photos")
    assert "aws s3 sync s3://bucket/photos DIR" in str(refused.value)


def test_amazon_needs_credentials(boto3):
    with pytest.raises(DataError, match=r"^s3://b/photos .*no AWS credentials.*`aws configure`"):
        access.check("s3://b/photos")
    boto3.found = "somebody"
    access.check("s3://b/photos")


def test_hadoop_needs_options_that_a_run_cannot_give():
    with pytest.raises(DataError, match=r"^hdfs://host/photos .*hdfs_host.*hdfs dfs -get"):
        inputs.find("hdfs://host/photos")


def test_other_file_systems_are_let_pass():
    access.check("memory://bucket/photos")
