"""The life of a server process: versions that come and go, bounds, batches, and its end."""

import concurrent.futures
import http.client
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

pytestmark = pytest.mark.graph

WAIT_SECONDS = 60.0
SLOW_ROUNDS = 4000


def until(is_so):
    """Wait until something is so."""
    end = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def label(server, png, b64, path="/v1/models/m:predict"):
    return server.post(path, {"inputs": [b64(png(255))]}).json()["outputs"]["label"][0]


def states(server):
    listed = server.get("/v1/models/m").json()["model_version_status"]
    return {status["version"]: status["state"] for status in listed}


def halve(server, name="m"):
    return server.post(f"/v1/models/{name}:predict", {"signature_name": "halve", "inputs": 1.0})


def slow(server, rounds=SLOW_ROUNDS):
    return server.post(
        "/v1/models/m:predict", {"signature_name": "slow", "instances": [rounds]}
    ).status


def test_versions_come_and_go_while_the_server_runs(start_server, make_version, tmp_path, png, b64):
    folder = tmp_path / "m"
    make_version(folder / "1")
    with start_server(folder, "--poll-seconds", "0.05") as server:
        assert label(server, png, b64) == "warm-1"
        # A version that is still being written is no version.
        (folder / "3" / "variables").mkdir(parents=True)
        make_version(folder / "2")
        until(lambda: states(server).get("1") == "END")
        assert label(server, png, b64) == "warm-2"
        assert states(server) == {"2": "AVAILABLE", "1": "END"}
        reply = server.post("/v1/models/m/versions/1:predict", {"inputs": "x"})
        assert (reply.status, reply.error) == (
            404,
            "Servable not found for request: Specific(m, 1)",
        )
        make_version(folder / "3")
        until(lambda: label(server, png, b64) == "warm-3")
        # A rollback: the newest is taken away.
        shutil.rmtree(folder / "3")
        until(lambda: label(server, png, b64) == "warm-2")
        # A folder that is out of reach for a while retires nothing.
        folder.rename(tmp_path / "away")
        time.sleep(0.3)
        assert label(server, png, b64) == "warm-2"
        (tmp_path / "away").rename(folder)
        shutil.rmtree(folder / "1")
        shutil.rmtree(folder / "2")
        until(lambda: states(server)["2"] == "END")
        assert halve(server).error == "Servable not found for request: Latest(m)"


def test_broken_version_leaves_the_old_one_and_says_why(
    start_server, make_version, tmp_path, png, b64
):
    folder = tmp_path / "m"
    make_version(folder / "1")
    with start_server(folder, "--poll-seconds", "0.05") as server:
        (folder / "2").mkdir()
        (folder / "2" / "saved_model.pb").write_bytes(b"\xff\xffbroken")
        until(lambda: "2" in states(server))
        (folder / "3").mkdir()
        shutil.copy(folder / "1" / "saved_model.pb", folder / "3")  # Its variables are missing.
        until(lambda: states(server).get("3") == "END")
        assert label(server, png, b64) == "warm-1"
        document = server.get("/v1/models/m/versions/2").json()
        status = document["model_version_status"][0]["status"]
        assert status["error_code"] == "NOT_FOUND"
        assert "saved_model.pb cannot be read" in status["error_message"]
        # Once it is mended, it is taken.
        shutil.rmtree(folder / "3")
        shutil.rmtree(folder / "2")
        make_version(folder / "2")
        until(lambda: label(server, png, b64) == "warm-2")


@pytest.fixture(scope="module")
def model(tmp_path_factory, make_version):
    folder = tmp_path_factory.mktemp("one") / "m"
    make_version(folder / "1")
    return folder


def test_requests_beyond_the_bounds_are_refused(start_server, model):
    options = ["--max-pending", "2", "--max-request-bytes", "1000", "--timeout-ms", "1000"]
    with start_server(model, *options) as server:
        reply = server.post("/v1/models/m:predict", " " * 1001)
        assert (reply.status, reply.error) == (413, "The request is larger than 1000 bytes")
        assert halve(server).status == 200
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(lambda _: slow(server, 10_000_000), range(4)))
        # Two wait, and their time runs out; two are not let in.
        assert statuses == [429, 429, 504, 504]
        # TensorFlow has given up as well, and the places are free again.
        until(lambda: halve(server).status == 200)


def test_grpc_requests_beyond_the_bounds_are_refused(start_server, model):
    import grpc

    options = ["--max-pending", "1", "--max-request-bytes", "1000", "--timeout-ms", "3000"]
    with (
        start_server(model, *options) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as error:
            call(b" " * 1001)
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # pyright: ignore[reportAttributeAccessIssue]
        slow_one = threading.Thread(target=slow, args=(server, 10_000_000))
        slow_one.start()
        time.sleep(1)
        with pytest.raises(grpc.RpcError) as error:
            call(b"")
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # pyright: ignore[reportAttributeAccessIssue]
        assert error.value.details() == "1 requests are pending already: try again later"  # pyright: ignore[reportAttributeAccessIssue]
        slow_one.join()


def test_a_body_that_never_ends_is_given_up(start_server, model):
    with start_server(model, "--timeout-ms", "300") as server:
        connection = http.client.HTTPConnection(server.host, server.rest_port, timeout=30)
        connection.putrequest("POST", "/v1/models/m:predict")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"{")
        assert connection.getresponse().status == 408


def test_batched_requests_are_answered_each_with_its_own(start_server, model, png, b64):
    options = ["--enable-batching", "--max-batch-size", "4", "--batch-timeout-micros", "200000"]
    with start_server(model, *options) as server:
        # Alone it waits for others, in vain; a full batch waits for nobody.
        start = time.monotonic()
        assert halve_rows(server, [1.0]) == [2.5]
        assert time.monotonic() - start >= 0.2
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda x: halve_rows(server, [x]), [0.0, 2.0, 4.0, 6.0]))
        assert answers == [[2.0], [3.0], [4.0], [5.0]]
        reply = server.post(
            "/v1/models/m:predict", {"signature_name": "halve", "inputs": [1.0] * 5}
        )
        assert (reply.status, reply.error) == (
            400,
            "Task size 5 is larger than maximum input batch size 4",
        )
        # One that is broken takes no other down.
        images = [png(255), b"text", png(0), png(255)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            replies = list(
                pool.map(
                    lambda image: server.post("/v1/models/m:predict", {"instances": [b64(image)]}),
                    images,
                )
            )
        assert [reply.status for reply in replies] == [200, 400, 200, 200]


def halve_rows(server, rows):
    reply = server.post("/v1/models/m:predict", {"signature_name": "halve", "inputs": rows})
    return reply.json()["outputs"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_pending_requests_finish_and_new_ones_not_start(start_server, model, number):
    with start_server(model) as server:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            pending = [pool.submit(slow, server) for _ in range(3)]
            time.sleep(0.3)
            assert not any(future.done() for future in pending)
            server.process.send_signal(number)
            assert [future.result(WAIT_SECONDS) for future in pending] == [200, 200, 200]
        with pytest.raises(OSError):  # noqa: PT011, refused or reset
            halve(server)
        assert server.process.wait(WAIT_SECONDS) == 0
        assert server.process.stdout.read() == "stopped\n"
        assert server.process.stderr.read() == ""


def metrics(server):
    return server.get("/monitoring/prometheus/metrics").body.decode()


def test_killed_server_leaves_its_ports_free_at_once(start_server, model):
    with start_server(model) as server:
        ports = ["--rest-port", str(server.rest_port)]
        ports += ["--grpc-port", server.grpc_address.rsplit(":", 1)[1]]
        assert halve(server).status == 200
        server.stop(signal.SIGKILL)
    with start_server(model, *ports) as again:
        assert again.rest_port == int(ports[1])
        assert halve(again).status == 200


def frostline(*arguments):
    command = "import sys; from pipeline.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", command, "serve", "--stand-in", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_port_that_is_taken_is_told_with_a_way_out(server, tiny_model):
    answer = frostline("--model-dir", tiny_model, "--rest-port", server.rest_port)
    assert answer.returncode == 2
    assert answer.stderr == (
        f"frostline: error: the server cannot listen on 127.0.0.1:{server.rest_port} (Address "
        "already in use): choose another --rest-port, or 0 for any that is free\n"
    )
    assert answer.stdout == ""
    taken = server.grpc_address.rsplit(":", 1)[1]
    answer = frostline("--model-dir", tiny_model, "--rest-port", "0", "--grpc-port", taken)
    assert answer.returncode == 2
    assert f"127.0.0.1:{taken} (taken or not yours): choose another --grpc-port" in answer.stderr


def test_model_that_cannot_be_loaded_ends_the_command(tmp_path):
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "saved_model.pb").write_bytes(b"\xff\xffbroken")
    answer = frostline("--model-dir", tmp_path, "--rest-port", "0", "--grpc-port", "0")
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        "frostline: error: --model-dir: 1 servable(s) did not become available: {{name: m"
    )


def test_first_lines_tell_where_and_how(server):
    assert server.lines[0] == "TensorFlow is loading ..."
    assert server.lines[-1] == (
        f"try   curl -s {server.url}:predict "
        '-d "{\\"instances\\": [{\\"b64\\": \\"$(base64 -w0 IMAGE.jpg)\\"}]}"'
    )


def test_curl_line_that_is_printed_works(server, png, tmp_path):
    (tmp_path / "IMAGE.jpg").write_bytes(png(255))
    line = server.lines[-1].removeprefix("try")
    answer = subprocess.run(
        ["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"label": "warm-2"' in answer.stdout


def test_metrics_have_the_names_of_tf_serving(server):
    from prometheus_client.parser import text_string_to_metric_families

    halve(server, "tiny")
    server.post("/v1/models/never-heard-of:predict", "{}")
    reply = server.get("/monitoring/prometheus/metrics")
    assert reply.content_type.startswith("text/plain")
    families = {
        family.name: family for family in text_string_to_metric_families(reply.body.decode())
    }
    assert {
        ":tensorflow:serving:request_count",
        ":tensorflow:serving:request_latency",
        ":tensorflow:serving:runtime_latency",
        ":tensorflow:serving:model_warmup_latency",
    } <= set(families)
    counted = {
        (sample.labels["model_name"], sample.labels["status"])
        for sample in families[":tensorflow:serving:request_count"].samples
    }
    assert ("tiny", "OK") in counted
    # Names that anybody can make up get no series of their own.
    assert "never-heard-of" not in {name for name, _ in counted}
