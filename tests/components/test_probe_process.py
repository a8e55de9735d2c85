"""No process of a probe outlives the one that watches it, however that ends."""

import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from components import probe_process
from components.probe_job import Job

WATCH = """
from pathlib import Path
from components import probe_process
from components.probe_job import Job
probe_process.run(Job(**{job}), deadline_seconds=100, max_bytes=1e12, log=Path({log!r}))
"""


@pytest.fixture
def job(tmp_path):
    """A probe that waits for a server, which never listens; the server's id is in `pid`."""
    server = tmp_path / "server"
    lines = ["#!/bin/sh", f"cd {tmp_path}", "echo $$ > new", "mv new pid", "exec sleep 600"]
    server.write_text("\n".join(lines) + "\n")
    server.chmod(0o755)
    return Job(
        model=str(tmp_path / "model" / "1"),
        photos=[],
        batches=[],
        seconds_per_batch=0.1,
        server=str(server),
    )


def wait_until(has_come, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not has_come():
        assert time.monotonic() < deadline, "it has not come so far"
        time.sleep(0.05)


def is_running(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_server_ends_with_the_run_that_is_interrupted_or_killed(job, tmp_path, number):
    code = WATCH.format(job=asdict(job), log=str(tmp_path / "log"))
    watcher = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        # A test run in the background of a shell hands down a deaf ear to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    pid = tmp_path / "pid"
    try:
        wait_until(pid.exists)
        server = int(pid.read_text())
        assert is_running(server)
        watcher.send_signal(number)
        watcher.wait(30)
        wait_until(lambda: not is_running(server))
    finally:
        watcher.kill()
        watcher.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_container_ends_with_the_run_that_is_interrupted_or_killed(job, tmp_path, docker, number):
    contained = replace(job, server="", image=docker.image)
    code = WATCH.format(job=asdict(contained), log=str(tmp_path / "log"))
    watcher = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        wait_until(docker.containers)
        watcher.send_signal(number)
        watcher.wait(30)
        wait_until(lambda: not docker.containers())
    finally:
        watcher.kill()
        watcher.wait()


def test_server_ends_with_the_deadline(job, tmp_path):
    probed = probe_process.run(job, deadline_seconds=2, max_bytes=1e12, log=tmp_path / "log")
    assert probed.death == (
        "The process was still at it after 2 s (serving_gate.deadline_seconds) while it loaded the "
        "model, and was stopped."
    )
    server = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(server))


def test_last_words_of_a_process_are_told(job, tmp_path):
    (tmp_path / "server").write_text("#!/bin/sh\nexit 7\n")
    probed = probe_process.run(job, deadline_seconds=30, max_bytes=1e12, log=tmp_path / "log")
    assert probed.death == (
        "The process ended with code 1 while it loaded the model: RuntimeError: TF Serving ended "
        "with code 7"
    )


def test_what_lies_in_the_current_folder_is_not_run(job, tmp_path, monkeypatch):
    for name in ("trainer", "components"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not this code')")
    monkeypatch.chdir(tmp_path)
    probed = probe_process.run(
        replace(job, server=""), deadline_seconds=60, max_bytes=1e12, log=tmp_path / "log"
    )
    assert "not this code" not in (tmp_path / "log").read_text()
    assert "loaded the model" in probed.death
