"""What doctor says of a machine: fine, worse than it could be, or unfit, and what to do."""

import json
import subprocess

import pytest

from pipeline import device_probe, machine, machine_checks
from pipeline.device_probe import Devices, ProbeError

GIGABYTE = 1_000_000_000


def processor(*features, precision="auto", **environ):
    return machine_checks.processor(features, precision=precision, environ=environ)


def test_another_python_is_unfit():
    assert machine_checks.python((3, 11)).state == "ok"
    found = machine_checks.python((3, 12))
    assert (found.state, found.fix[:25]) == ("fail", "TFX takes 3.11 and no oth")


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [
        ((2, 36), "ok", "2.36"),
        ((2, 28), "ok", "2.28"),
        ((2, 17), "fail", "2.17, and the wheels need 2.28"),
        (None, "fail", "another C library"),
    ],
)
def test_glibc_must_be_that_of_the_wheels_or_newer(version, state, said):
    found = machine_checks.glibc(version)
    assert found.state == state
    assert found.found.startswith(said)


@pytest.fixture
def lock(tmp_path, monkeypatch):
    def make(pinned, there):
        path = tmp_path / "requirements.lock"
        text = "".join(f"{name} \\\n    --hash=sha256:00\n" for name in pinned)
        path.write_text(text)
        monkeypatch.setattr(machine, "installed", lambda: there)
        return machine_checks.packages(path)

    return make


def test_packages_as_in_the_lock_are_fine(lock):
    found = lock(["Some_Thing==1.0", "other[extra]==2"], {"some-thing": "1.0", "other": "2"})
    assert (found.state, found.found) == ("ok", "2 as in requirements.lock")


def test_packages_that_differ_are_named_with_both_versions(lock):
    found = lock(["same==1", "a==1", "b==1"], {"same": "1", "a": "2", "more": "1"})
    assert found.state == "warn"
    assert found.found == ("2 of 3 are not as in requirements.lock: a 2 (not 1), b missing (not 1)")


def test_of_many_packages_some_are_named(lock):
    found = lock([f"p{number}==1" for number in range(9)], {})
    assert found.found.endswith("p4 missing (not 1), 4 more")


def test_what_is_installed_is_read():
    assert machine.installed()["pydantic-core"]


def test_bfloat16_of_the_processor_is_told():
    assert "AMX and AVX512-BF16: the frozen base computes in bfloat16" in (
        processor("avx", "amx_bf16", "avx512_bf16").found
    )
    assert "no bfloat16: the frozen base computes in float32" in processor("avx").found
    forced = processor("avx", "avx512_bf16", precision="float32")
    assert "computes in float32" in forced.found


def test_bfloat16_that_is_switched_off_is_a_warning():
    found = processor("avx", "amx_bf16", TF_ENABLE_ONEDNN_OPTS="0")
    assert (found.state, found.fix) == ("warn", "unset TF_ENABLE_ONEDNN_OPTS")


def test_processor_without_avx_is_unfit():
    assert processor("sse2").state == "fail"
    assert processor().state == "ok"  # Nobody tells what it has.


def test_too_little_memory_is_unfit():
    assert machine_checks.memory(machine_checks.MEMORY_BYTES).state == "ok"
    assert machine_checks.memory(machine_checks.MEMORY_BYTES - 1).state == "fail"
    assert machine_checks.memory(None).state == "warn"


@pytest.mark.parametrize(
    ("limit", "bytes_"), [("max\n", 2048 * 1024), ("1000\n", 1000), (None, 2048 * 1024)]
)
def test_memory_is_what_a_container_may_have(tmp_path, limit, bytes_):
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:  9999 kB\nMemAvailable:   2048 kB\n")
    if limit:
        cgroup.write_text(limit)
    assert machine.memory_bytes(meminfo=meminfo, limit=cgroup) == bytes_


def test_memory_that_nobody_tells_is_unknown(tmp_path):
    assert machine.memory_bytes(meminfo=tmp_path / "none") is None


def answering(monkeypatch, devices, *, has_gpu=False):
    def ask():
        if isinstance(devices, Exception):
            raise devices
        return devices

    monkeypatch.setattr(device_probe, "ask", ask)
    monkeypatch.setattr(machine_checks.shutil, "which", lambda name: "x" if has_gpu else None)
    return machine_checks.tensorflow()


def test_devices_of_tensorflow_are_named(monkeypatch):
    found = answering(monkeypatch, Devices("2.21.0", "cpu", ["CPU:0"]))
    assert (found.state, found.found) == ("ok", "2.21.0 on CPU:0")


def test_gpu_that_tensorflow_does_not_see_is_a_warning(monkeypatch):
    found = answering(monkeypatch, Devices("2.21.0", "cpu", ["CPU:0"]), has_gpu=True)
    assert found.state == "warn"
    assert "requirements-gpu.lock" in found.fix
    seen = answering(monkeypatch, Devices("2.21.0", "gpu", ["CPU:0", "H100"]), has_gpu=True)
    assert seen.state == "ok"


def test_tensorflow_that_cannot_be_imported_is_unfit(monkeypatch):
    found = answering(monkeypatch, ProbeError("No module named 'tensorflow'"))
    assert (found.state, found.found) == ("fail", "cannot be used: No module named 'tensorflow'")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise SystemExit('a\\nno libtensorflow')", "no libtensorflow"),
        ("import os; os.write(2, b'chatter'); os.kill(os.getpid(), 4)", "<Signals.SIGILL: 4>"),
        ("print('{}')", "cannot be read"),
        ("print('hello')", "cannot be read"),
    ],
)
def test_probe_that_fails_says_why(monkeypatch, script, said):
    run = subprocess.run

    def instead(command, **options):
        return run([command[0], "-c", script], **options)

    monkeypatch.setattr(device_probe.subprocess, "run", instead)
    with pytest.raises(ProbeError, match=said):
        device_probe.ask()


@pytest.mark.graph
def test_tensorflow_tells_its_devices():
    devices = device_probe.ask()
    assert devices.version.startswith("2.")
    assert "CPU:0" in devices.names
    assert json.dumps(devices.names)
