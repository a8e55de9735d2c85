"""The weights file is found, fetched whole or not at all, and told from every other file."""

import hashlib
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest

from trainer import weights
from trainer.errors import WeightsError
from trainer.weights import AUTO, Published, download, locate, read, verify

CONTENTS = np.random.default_rng(1).bytes(3_000_000)


def write_layers(path, *, convolutions=94, norms=94, dense=0):
    """A file in Keras' legacy layout whose layers have one channel each."""
    arrays = {f"conv2d_{n}": [np.full((1, 1, 1, 1), n + 1.0)] for n in range(convolutions)}
    arrays |= {f"batch_normalization_{n}": [np.ones(1)] * 3 for n in range(norms)}
    arrays |= {f"dense_{n}": [np.ones((1, 1)), np.ones(1)] for n in range(dense)}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_layer", *(name.encode() for name in arrays)]
        file.create_group("input_layer").attrs["weight_names"] = np.array([], dtype="S1")
        for name, values in arrays.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{n}".encode() for n in range(len(values))]
            for n, value in enumerate(values):
                group[f"{name}/{n}"] = value
    return path


def published(url, contents=CONTENTS):
    return Published(url, len(contents), hashlib.md5(contents).hexdigest())


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def serve():
    """A function that serves `body` on loopback and returns its address."""
    end = threading.Event()
    servers = []

    def start(body, *, status=200, length=None, stall=False):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                self.end_headers()
                self.wfile.write(body)
                if stall:
                    self.wfile.flush()
                    end.wait(timeout=20)

            def log_message(self, format, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{server.server_port}/files/weights.h5"

    yield start
    end.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_path_means_that_path(tmp_path):
    environ = {weights.ENVIRONMENT_VARIABLE: "/elsewhere.h5"}
    assert locate(f"{tmp_path}/mine.h5", environ=environ) == tmp_path / "mine.h5"


def test_a_tilde_means_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/mine.h5", environ={}) == tmp_path / "mine.h5"


def test_auto_takes_the_environment_variable_first(tmp_path):
    (tmp_path / weights.INCEPTION_V3.name).touch()
    environ = {weights.ENVIRONMENT_VARIABLE: "/named.h5"}
    assert str(locate(AUTO, environ=environ, keras_cache=tmp_path)) == "/named.h5"


def test_auto_takes_the_file_in_keras_cache_next(tmp_path):
    cached = tmp_path / "models" / weights.INCEPTION_V3.name
    cached.parent.mkdir()
    cached.touch()
    environ = {weights.ENVIRONMENT_VARIABLE: "", "KERAS_HOME": str(tmp_path)}
    assert locate(AUTO, environ=environ) == cached


def test_auto_downloads_into_keras_cache_last(serve, tmp_path):
    source = published(serve(CONTENTS))
    found = locate(AUTO, environ={}, keras_cache=tmp_path / "models", source=source)
    assert found == tmp_path / "models" / "weights.h5"
    assert found.read_bytes() == CONTENTS


def test_download_leaves_the_whole_file_and_nothing_else(serve, tmp_path):
    download(published(serve(CONTENTS)), tmp_path / "weights.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.h5"]
    assert (tmp_path / "weights.h5").read_bytes() == CONTENTS


def test_download_reports_its_progress(serve, tmp_path, caplog):
    caplog.set_level(logging.INFO, "frostline.progress")
    download(published(serve(CONTENTS)), tmp_path / "weights.h5")
    done = [record.progress.done for record in caplog.records]
    assert done == sorted(done)
    assert done[-1] == caplog.records[-1].progress.total == len(CONTENTS)
    assert len(done) > 1


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"body": CONTENTS[::-1]}, "other bytes than its weights file"),
        ({"body": CONTENTS * 5}, "other bytes than its weights file"),
        ({"body": CONTENTS[:-1], "length": len(CONTENTS)}, "cannot download"),
        ({"body": b"gone", "status": 404}, "404"),
        ({"body": CONTENTS[:-1], "length": len(CONTENTS), "stall": True}, "timed out"),
    ],
    ids=["wrong checksum", "too long", "cut short", "not found", "stalled"],
)
def test_a_failed_download_leaves_nothing_behind(serve, tmp_path, answer, complaint):
    source = published(serve(**answer))
    with pytest.raises(WeightsError, match=complaint) as caught:
        download(source, tmp_path / "weights.h5", silence_seconds=0.2)
    assert list(tmp_path.iterdir()) == []
    for part in (source.url, f"put it at {tmp_path}/weights.h5", "--weights PATH", "random"):
        assert part in str(caught.value)


def test_download_stops_where_the_published_file_would_have_ended(serve, tmp_path, caplog):
    caplog.set_level(logging.INFO, "frostline.progress")
    with pytest.raises(WeightsError):
        download(published(serve(CONTENTS * 5)), tmp_path / "weights.h5")
    assert caplog.records[-1].progress.done < 2 * len(CONTENTS)


def test_a_refused_connection_is_an_error_at_once(tmp_path, silent_port):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.h5"
        start = time.monotonic()
        with pytest.raises(WeightsError, match="refused"):
            download(published(url), tmp_path / "weights.h5")
    assert time.monotonic() - start < 2
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_given_up_in_the_time_given(tmp_path, silent_port):
    url = f"http://127.0.0.1:{silent_port}/weights.h5"
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"no answer within 0\.2 seconds"):
        download(published(url), tmp_path / "weights.h5", answer_seconds=0.2)
    assert time.monotonic() - start < 2
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(serve, tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    target = tmp_path / "models" / "weights.h5"
    with pytest.raises(WeightsError, match=f"to {target}: .*exists"):
        download(published(serve(CONTENTS)), target)


def test_verify_answers_the_sha256_of_the_file(tmp_path):
    path = write_layers(tmp_path / "fine.h5")
    assert verify(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_read_keeps_the_order_and_leaves_out_layers_without_weights(tmp_path):
    layers = read(write_layers(tmp_path / "fine.h5"))
    assert [layer.name for layer in layers[:2]] == ["conv2d_0", "conv2d_1"]
    assert layers[1].shapes == [(1, 1, 1, 1)]
    assert layers[1].arrays[0].item() == 2.0
    assert layers[-1].shapes == [(1,), (1,), (1,)]


def test_the_published_file_passes(tmp_path):
    path = write_layers(tmp_path / "weights.h5")
    source = published("http://host/weights.h5", path.read_bytes())
    assert verify(path, source=source) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_with_the_published_name_and_size_but_other_contents_is_damaged(tmp_path):
    path = write_layers(tmp_path / "weights.h5")
    source = Published("http://host/weights.h5", path.stat().st_size, md5="0" * 32)
    with pytest.raises(WeightsError, match=r"weights\.h5 is damaged: .*0{32}.*Delete it"):
        verify(path, source=source)


def test_a_missing_file_is_named_with_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file at .*gone\.h5\. Get .*--weights PATH"):
        verify(tmp_path / "gone.h5")


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(WeightsError, match=f"no weights file at {tmp_path}"):
        verify(tmp_path)


def test_a_file_of_another_kind_is_told(tmp_path):
    path = tmp_path / "page.h5"
    path.write_text("<html>log in first</html>")
    with pytest.raises(WeightsError, match=r"page\.h5 \(25 bytes\) is not an HDF5 file"):
        verify(path)


def test_a_truncated_file_is_told(tmp_path):
    path = write_layers(tmp_path / "half.h5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=r"half\.h5 .* is cut short"):
        verify(path)


def test_hdf5_without_a_list_of_layers_is_told(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = [1, 2, 3]
    with pytest.raises(WeightsError, match=r"not in the layout .*layer_names"):
        verify(path)


def test_hdf5_that_lists_a_layer_it_does_not_hold_is_told(tmp_path):
    path = write_layers(tmp_path / "holes.h5")
    with h5py.File(path, "a") as file:
        del file["conv2d_17"]
    with pytest.raises(WeightsError, match=r"not in the layout .*conv2d_17"):
        verify(path)


@pytest.mark.parametrize(
    ("convolutions", "norms", "dense"), [(94, 93, 0), (53, 53, 0), (95, 94, 0), (94, 94, 1)]
)
def test_weights_of_another_network_are_told_by_their_layers(tmp_path, convolutions, norms, dense):
    path = write_layers(tmp_path / "other.h5", convolutions=convolutions, norms=norms, dense=dense)
    found = f"{convolutions} convolutions, {norms} batch norms and {dense} other"
    with pytest.raises(WeightsError, match=f"not Inception V3 without its top: it holds {found}"):
        verify(path)


def test_the_real_file_passes(imagenet_weights):
    assert len(verify(imagenet_weights)) == 64
