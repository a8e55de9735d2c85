"""A pod's process: what it sees, and how it ends."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from pipeline.cluster import execution_pod as pods
from pipeline.cluster.execution_pod import Pod


@pytest.fixture(params=[True, False], ids=["own root", "folders"])
def pod(request, tmp_path):
    if request.param and not pods.can_have_own_root():
        pytest.skip("this machine lets an ordinary user make no namespaces")
    claim = tmp_path / "claim"
    claim.mkdir()
    return Pod(tmp_path / "pod", {"/state": claim}, has_own_root=request.param)


def run(pod, *command, deadline_seconds=None, env=None):
    log = pod.root.parent / "log"
    pod.root.mkdir(exist_ok=True)
    ended = pods.run(pod, command, env=env or {}, log=log, deadline_seconds=deadline_seconds)
    return ended, log.read_text()


def has_ended(process_id):
    """Gone, or a zombie that nobody has asked for its exit code; a signal takes its moment."""
    status = Path("/proc", process_id, "stat")
    for _ in range(100):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_home_and_working_directory_are_empty(pod, monkeypatch):
    monkeypatch.setenv("FROSTLINE_WEIGHTS", "secret.h5")

    ended, log = run(pod, "sh", "-c", 'ls -A "$HOME" . | grep -v :; env')

    assert ended.exit_code == 0
    assert "FROSTLINE_WEIGHTS" not in log
    assert f"HOME={pod.name(pods.HOME)}" in log
    assert not [line for line in log.splitlines() if line and "=" not in line]


def test_python_is_the_one_that_runs_here(pod):
    _, log = run(pod, "python", "-c", "import sys, pipeline; print(sys.prefix, pipeline.__file__)")

    prefix, file = log.split()
    assert Path(prefix).resolve() == Path(sys.prefix).resolve()
    assert Path(file) == Path(pods.__file__).parents[1] / "__init__.py"


def test_claim_lies_at_its_mount_path(pod):
    run(pod, "sh", "-c", "echo kept > /state/file; echo $WHERE", env={"WHERE": "/state/x"})

    assert (pod.mounts["/state"] / "file").read_text() == "kept\n"
    where = "/state/x" if pod.has_own_root else f"{pod.mounts['/state']}/x"
    assert (pod.root.parent / "log").read_text() == f"{where}\n"


def test_only_an_own_root_hides_the_machine(pod, tmp_path):
    (tmp_path / "seen").write_text("on the machine")

    ended, _ = run(pod, "cat", str(tmp_path / "seen"))

    assert bool(ended.exit_code) is pod.has_own_root


def test_staging_is_told_where_there_is_no_own_root(pod):
    _, log = run(pod, "sh", "-c", "echo ${FROSTLINE_STAGING:-/}")

    assert log.strip() == ("/" if pod.has_own_root else str(pod.root))


def test_exit_code_and_costs_are_told(pod):
    program = "import sys; x = bytearray(200_000_000); print('last words'); sys.exit(4)"

    ended, log = run(pod, "python", "-c", program)

    assert (ended.exit_code, log, ended.is_late) == (4, "last words\n", False)
    assert ended.memory_megabytes > 200
    assert 0 < ended.cpu_seconds < 60


def test_command_that_is_not_there_fails(pod):
    ended, log = run(pod, "sh", "-c", "absent-command")

    assert ended.exit_code == 127
    assert "absent-command" in log


def test_deadline_ends_the_whole_process_group(pod):
    started = time.monotonic()

    ended, log = run(pod, "sh", "-c", "sleep 600 & echo $!; wait", deadline_seconds=1)

    assert ended.is_late
    assert time.monotonic() - started < 8
    assert has_ended(log.split()[0])


def test_system_is_whole_after_a_pod_was_removed(pod):
    run(pod, "true")

    shutil.rmtree(pod.root)

    assert Path("/usr/bin/env").exists()
    assert Path(pods.__file__).exists()
