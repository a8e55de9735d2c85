"""A prediction that was interrupted is gone on with: nothing is lost and nothing asked twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline import models, predict, prediction_journal
from pipeline.models import Answer, ServerError
from trainer.errors import ConfigError

COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"
ANSWER = Answer(label="cat", score=0.75, scores={"cat": 0.75, "dog": 0.25})


class Model:
    """Answers until it has answered enough, then it is gone."""

    def __init__(self, enough=1000):
        self.asked = []
        self.enough = enough

    def __call__(self, images):
        if len(self.asked) >= self.enough:
            raise ServerError("gone")
        self.asked += images
        return [ANSWER for _ in images]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.jpg").write_bytes(b"%d" % number)
    return folder


@pytest.fixture
def predict_with(folder, tmp_path, monkeypatch):
    """Predicts the folder into `out.jsonl`, two images at a time."""

    def run(model, *, name="m", file_format: predict.FileFormat = "jsonl"):
        monkeypatch.setattr(models, "opened", lambda address: model)
        monkeypatch.setattr(models, "identity", lambda address: address)
        output = tmp_path / f"out.{file_format}"
        predict.write(
            model=name, paths=[folder], batch_size=2, file_format=file_format, output=output
        )
        return output

    return run


def paths(output):
    return [Path(json.loads(line)["path"]).name for line in output.read_text().splitlines()]


ALL = [f"{number}.jpg" for number in range(10)]


def test_second_run_asks_only_for_what_is_missing(predict_with, tmp_path, capsys):
    with pytest.raises(ServerError):
        predict_with(Model(enough=4))
    assert not (tmp_path / "out.jsonl").exists()
    second = Model()
    assert paths(predict_with(second)) == ALL
    assert second.asked == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert capsys.readouterr().err == "goes on: 4 of 10 are predicted\n"
    assert {path.name for path in tmp_path.iterdir()} == {"images", "out.jsonl"}


def test_image_that_has_changed_is_asked_again(predict_with, folder):
    with pytest.raises(ServerError):
        predict_with(Model(enough=4))
    os.utime(folder / "1.jpg", ns=(1, 1))
    second = Model()
    assert paths(predict_with(second)) == ALL
    assert second.asked[0] == b"1"
    assert len(second.asked) == 7


def test_another_model_begins_anew(predict_with):
    with pytest.raises(ServerError):
        predict_with(Model(enough=4))
    second = Model()
    assert paths(predict_with(second, name="other")) == ALL
    assert len(second.asked) == 10


@pytest.mark.parametrize("torn", [b'{"path": "', b"\xff\xff\n", b"[]\n", b'{"no": "path"}\n'])
def test_torn_line_is_dropped(predict_with, tmp_path, torn):
    with pytest.raises(ServerError):
        predict_with(Model(enough=4))
    with (tmp_path / ".out.jsonl.partial").open("ab") as journal:
        journal.write(torn)
    second = Model()
    assert paths(predict_with(second)) == ALL
    assert len(second.asked) == 6


def test_file_that_is_no_journal_is_begun_anew(predict_with, tmp_path):
    (tmp_path / ".out.jsonl.partial").write_bytes(b"\x00garbage")
    assert paths(predict_with(Model())) == ALL


def test_failures_are_kept_with_their_reason(predict_with):
    def refusing(images):
        if b"3" in images:
            raise models.RefusedError("no image")
        if b"8" in images:
            raise ServerError("gone")
        return [ANSWER for _ in images]

    with pytest.raises(ServerError):
        predict_with(refusing)
    lines = predict_with(Model()).read_text().splitlines()
    assert json.loads(lines[3])["error"] == "no image"
    assert sum("error" in json.loads(line) for line in lines) == 1


def test_second_writer_of_a_file_is_refused(tmp_path):
    output = tmp_path / "out.jsonl"
    with (
        prediction_journal.opened(output, model="m"),
        pytest.raises(ConfigError, match="is being written by another `frostline predict`"),
        prediction_journal.opened(output, model="m"),
    ):
        pass


def test_parquet_has_a_column_for_each_member(predict_with):
    from pyarrow import parquet

    table = parquet.read_table(predict_with(Model(), file_format="parquet"))
    assert table.column_names == ["path", "label", "score", "scores", "error"]
    assert table.num_rows == 10
    assert table.column("scores")[9].as_py() == {"cat": 0.75, "dog": 0.25}


def test_parquet_without_any_answer_has_the_reasons(predict_with):
    from pyarrow import parquet

    class Refusing(Model):
        def __call__(self, images):
            raise models.RefusedError("no image")

    table = parquet.read_table(predict_with(Refusing(), file_format="parquet"))
    assert table.column_names == ["path", "error"]
    assert set(table.column("error").to_pylist()) == {"no image"}


def test_parquet_is_not_written_to_the_terminal(folder):
    with pytest.raises(ConfigError, match="--format parquet needs --output FILE"):
        predict.write(model="m", paths=[folder], batch_size=2, file_format="parquet", output=None)


def test_order_is_kept_and_batches_are_sent_together(folder):
    together = threading.Barrier(3, timeout=20)

    def model(images):
        if images[0] in {b"0", b"2", b"4"}:
            together.wait()
        time.sleep(0.05 if images[0] == b"0" else 0)
        return [ANSWER for _ in images]

    files = predict.image_files([folder])
    batches = predict.predicted(model, files, batch_size=2, concurrency=3)
    assert [file.name for batch in batches for file, _ in batch] == ALL


@pytest.fixture
def slow_server():
    """TF Serving's REST interface, 50 ms a request; counts the images that it answers."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(0.05)
            seen.extend(one["b64"] for one in request["instances"])
            row = {"label": "cat", "score": 1.0, "scores": [1.0, 0.0], "classes": ["cat", "dog"]}
            body = json.dumps({"predictions": [row for _ in request["instances"]]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            """Keep quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/v1/models/m", seen
    http.shutdown()
    http.server_close()


def test_run_that_was_killed_is_gone_on_with(tmp_path, slow_server):
    url, seen = slow_server
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02d}.jpg").write_bytes(b"%02d" % number)
    command = [sys.executable, "-c", COMMAND, "predict", "--model", url, str(folder)]
    command += ["--batch-size", "2", "--output", str(tmp_path / "out.jsonl")]
    first = subprocess.Popen(command)
    journal = tmp_path / ".out.jsonl.partial"
    end = time.monotonic() + 60
    while len(seen) < 12:
        assert time.monotonic() < end
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "out.jsonl").exists()
    kept = journal.read_bytes().count(b"\n") - 1
    # Two batches may be on their way, and one may have been answered just now.
    assert len(seen) - 6 <= kept < 60
    time.sleep(0.3)
    seen.clear()
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert paths(tmp_path / "out.jsonl") == [f"{number:02d}.jpg" for number in range(60)]
    assert len(seen) == 60 - kept
