"""Where Kubeflow Pipelines is looked for, and what a person reads where it does not answer."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.cluster import connection, following
from pipeline.cluster.connection import ClusterError, Connection, Endpoint
from trainer.errors import ConfigError


def found(tmp_path, *, environ, url=None, token_file=None):
    return connection.endpoint(
        url=url,
        namespace=None,
        token_file=token_file,
        ca_file=None,
        timeout_seconds=5,
        environ=environ,
        pod_token=tmp_path / "pod-token",
    )


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


def test_the_argument_wins_over_the_environment_and_that_over_the_pod(tmp_path):
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    environ = {**pod, "KF_PIPELINES_ENDPOINT": "https://kubeflow/pipeline/"}
    assert found(tmp_path, environ=environ, url="localhost:8080").url == "http://localhost:8080"
    assert found(tmp_path, environ=environ).url == "https://kubeflow/pipeline"
    assert found(tmp_path, environ=pod).url == connection.IN_CLUSTER


def test_without_any_endpoint_the_error_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match=r"KF_PIPELINES_ENDPOINT is not set.* port-forward"):
        found(tmp_path, environ={})


def test_a_token_file_wins_over_the_variable_and_that_over_the_service_account(
    tmp_path, token_file
):
    (tmp_path / "pod-token").write_text("of the pod")
    environ = {"KF_PIPELINES_ENDPOINT": "http://x", "KF_PIPELINES_TOKEN": "t"}
    given = found(tmp_path, environ=environ, token_file=token_file)
    assert (given.token, given.token_file) == (None, token_file)
    named = found(tmp_path, environ=environ)
    assert (named.token, named.token_file) == ("t", None)
    in_pod = found(tmp_path, environ={"KF_PIPELINES_ENDPOINT": "http://x"})
    assert (in_pod.token, in_pod.token_file) == (None, tmp_path / "pod-token")


def test_a_token_file_that_is_not_there_is_named(tmp_path):
    environ = {"KF_PIPELINES_ENDPOINT": "http://x", "KF_PIPELINES_SA_TOKEN_PATH": "/no/token"}
    with pytest.raises(ConfigError, match=r"/no/token cannot be read: No such file"):
        found(tmp_path, environ=environ)


def test_a_token_file_is_read_anew_for_each_request(kubeflow, token_file):
    kubeflow.token = "first"
    endpoint = Endpoint(url=kubeflow.url, token_file=token_file, timeout_seconds=5)
    server = Connection(endpoint)
    kubeflow.token = "second"
    with pytest.raises(ClusterError, match="401"):
        server.ask("be greeted", server.client.get_kfp_healthz)
    token_file.write_text("second\n")
    server.ask("be greeted", server.client.get_kfp_healthz)


def test_a_wrong_token_is_told_with_the_server_s_words_and_a_way_to_another(kubeflow):
    kubeflow.token = "right"
    with pytest.raises(ClusterError) as error:
        Connection(Endpoint(url=kubeflow.url, token="wrong", timeout_seconds=5))
    said = str(error.value)
    assert said.startswith(f"{kubeflow.url} answered 401 Unauthorized when asked to be greeted: ")
    assert "Request header error: no user" in said
    assert "kubectl create token" in said
    assert error.value.status == 401
    assert not error.value.may_pass


@pytest.mark.parametrize(
    ("status", "advice"), [(403, "--namespace"), (404, "KF_PIPELINES_ENDPOINT"), (503, "logs")]
)
def test_each_refusal_has_its_own_advice(kubeflow, status, advice):
    kubeflow.refusals = [(status, {"error": "no", "message": "not\n  today"})]
    with pytest.raises(ClusterError, match=rf"{status} .*: not today \(.*{advice}") as error:
        Connection(Endpoint(url=kubeflow.url, timeout_seconds=5))
    assert error.value.may_pass == (status == 503)


def test_a_server_that_hangs_is_given_up_after_the_time_out(kubeflow):
    kubeflow.hangs = 3.0
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"did not answer within 0.2 s .*[Rr]ead timed out"):
        Connection(Endpoint(url=kubeflow.url, timeout_seconds=0.2))
    assert time.monotonic() - began < 2.5
    assert kubeflow.asked == [("GET", "healthz")]


def test_a_run_that_may_have_been_created_is_not_asked_for_twice(kubeflow, compiled):
    server = Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=0.2))
    kubeflow.hangs = 0.5
    with pytest.raises(ClusterError):
        server.ask(
            "create the run",
            lambda: server.client.run_pipeline("e", "name", pipeline_package_path=str(compiled)),
        )
    assert kubeflow.asked == [("POST", "runs")]


def test_an_address_where_nobody_listens_is_told_with_the_way_to_open_it():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match=rf"{url} did not answer.*refused.*port-forward"):
        Connection(Endpoint(url=url, timeout_seconds=1))


@pytest.fixture
def authority(tmp_path):
    """A certificate for 127.0.0.1 that no authority of this machine has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubeflow")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "ca.pem", tmp_path / "key.pem"


def test_a_certificate_is_checked_against_the_authorities_that_are_given(kubeflow, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    kubeflow.socket = context.wrap_socket(kubeflow.socket, server_side=True)
    url = kubeflow.url.replace("http:", "https:")
    with pytest.raises(ClusterError, match=r"self-signed certificate.*--ca-file FILE"):
        Connection(Endpoint(url=url, timeout_seconds=5))
    Connection(Endpoint(url=url, ca_file=authority[0], timeout_seconds=5))
    assert kubeflow.asked == [("GET", "healthz")]


def test_nothing_is_asked_where_the_namespace_is_given(kubeflow):
    Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=5))
    assert kubeflow.asked == []


def test_the_client_writes_nothing_into_the_home_folder(kubeflow, tmp_path, monkeypatch):
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "kfp" / "context.json"))
    server = Connection(Endpoint(url=kubeflow.url, timeout_seconds=5))
    server.client.set_user_namespace("team-a")
    assert server.client.get_user_namespace() == "team-a"
    assert list(tmp_path.iterdir()) == []


def test_the_client_s_own_lines_are_kept_from_the_output(kubeflow, capsys):
    server = Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=5))
    server.ask("make it", lambda: server.client.create_experiment("frostline"))
    assert capsys.readouterr().out == ""


def test_a_run_that_is_unknown_is_named(kubeflow):
    server = Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=5))
    with pytest.raises(ClusterError, match=r"404 .*tell of the run none: Failed to get a run"):
        following.standing(server, "none")
