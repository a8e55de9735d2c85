"""What doctor says of a run: room, features, weights, Beam, and who serves."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from components.image_files import ImageFile, Listing
from pipeline import machine, run_checks
from pipeline.config import BeamSettings, Config
from trainer import weights

CACHED = "models/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


def listing(count):
    return Listing(tuple(ImageFile(str(each), str(each), "c", None) for each in range(count)))


def config(**sections):
    return Config.model_validate(sections)


def test_room_is_told_for_a_folder_that_is_not_there_yet(tmp_path):
    found = run_checks.disk(config(), listing(2), tmp_path / "a" / "b")
    assert found.state == "ok"
    assert f"free at {tmp_path}; a run of 2 files needs 1.0 GB" in found.found


def test_too_little_room_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(run_checks.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    found = run_checks.disk(config(), listing(1), tmp_path)
    assert found.state == "fail"
    assert "features.keep=head" in found.fix


def test_file_in_place_of_the_work_directory_is_a_failure(tmp_path):
    (tmp_path / "file").touch(mode=0o755)
    found = run_checks.disk(config(), listing(1), tmp_path / "file" / "w")
    assert (found.state, found.fix) == ("fail", "choose another --work-dir")


def test_features_that_may_not_be_kept_are_a_failure():
    allowed = run_checks.features(config(features={"max_gigabytes": 1}), listing(2000))
    assert allowed.state == "ok"
    refused = run_checks.features(config(features={"max_gigabytes": 0.1}), listing(2000))
    assert refused.state == "fail"
    assert "about 0.8 GB" in refused.found
    assert "--set features.max_gigabytes=2," in refused.fix


def test_random_weights_are_a_warning():
    assert run_checks.base(config(model={"weights": "random"}), {}).state == "warn"


def test_weights_are_told_with_their_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "verify", lambda path: "46b8")
    named = str(tmp_path / "w.h5")
    by_setting = run_checks.base(config(model={"weights": named}), {})
    by_variable = run_checks.base(config(), {"FROSTLINE_WEIGHTS": named})
    assert (by_setting.state, by_setting.found) == ("ok", f"{named}, sha256 46b8")
    assert by_variable == by_setting


def test_weights_in_the_cache_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "verify", lambda path: "46b8")
    cached = tmp_path / CACHED
    cached.parent.mkdir()
    cached.touch()
    found = run_checks.base(config(), {"KERAS_HOME": str(tmp_path)})
    assert found.found == f"{cached}, sha256 46b8"
    assert weights.locate("auto", environ={"KERAS_HOME": str(tmp_path)}) == cached


def test_weights_that_a_run_would_download_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "download", lambda *_: pytest.fail("downloaded"))
    found = run_checks.base(config(), {"KERAS_HOME": str(tmp_path)})
    assert found.state == "warn"
    assert str(tmp_path / CACHED) in found.found


def test_broken_weights_are_a_failure(tmp_path):
    path = tmp_path / "w.h5"
    path.write_bytes(b"hello")
    found = run_checks.base(config(model={"weights": str(path)}), {})
    assert found.state == "fail"
    assert "is not an HDF5 file" in found.found


def test_more_workers_than_cores_are_a_warning(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 2)

    def found(**settings):
        return run_checks.beam(BeamSettings(runner="multi_processing", **settings))

    assert found().state == found(workers=2).state == "ok"
    assert found(workers=3).state == "warn"
    assert "2 workers" in found().found
    assert run_checks.beam(BeamSettings(workers=3)).state == "ok"  # in_process has none


def test_tf_serving_is_looked_for_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run_checks.server("").state == "warn"
    program = tmp_path / "tensorflow_model_server"
    program.touch(mode=0o755)
    assert run_checks.server("").found == str(program)


def test_docker_is_asked_for_the_image_of_tf_serving(docker, monkeypatch, tmp_path):
    assert run_checks.server(docker.image).state == "ok"
    other = run_checks.server("tensorflow/serving:0")
    assert (other.state, other.fix) == ("fail", "docker pull tensorflow/serving:0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no docker on the PATH" in run_checks.server(docker.image).found


@pytest.fixture
def kubeflow():
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/apis/v2beta1/healthz" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_kubeflow_is_asked_for_its_health(kubeflow):
    assert run_checks.kubeflow(kubeflow).state == "ok"
    assert run_checks.kubeflow(f"http://{kubeflow}/").state == "ok"


def test_address_of_something_else_is_a_failure(kubeflow):
    found = run_checks.kubeflow(f"http://{kubeflow}/elsewhere")
    assert (found.state, found.found[-13:]) == ("fail", "404 Not Found")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "http://", "http://[", "http://a..b:1"])
def test_kubeflow_that_does_not_answer_is_a_failure(endpoint):
    found = run_checks.kubeflow(endpoint)
    assert found.state == "fail"
    assert "KF_PIPELINES_ENDPOINT" in found.fix
