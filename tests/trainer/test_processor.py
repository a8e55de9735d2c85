"""Each processor gets the precision that it computes in by itself, and a batch that it can hold."""

from typing import NamedTuple

import pytest

from trainer import processor
from trainer.processor import Processor

GIB = 2**30


@pytest.mark.parametrize(
    ("found", "precision"),
    [
        (Processor("cpu"), "float32"),
        (Processor("cpu", features=frozenset({"avx2", "avx512f"})), "float32"),
        (Processor("cpu", features=frozenset({"avx2", "avx512_bf16"})), "bfloat16"),
        (Processor("cpu", features=frozenset({"amx_bf16"})), "bfloat16"),
        (Processor("gpu", compute_capability=(6, 1)), "float32"),
        (Processor("gpu", compute_capability=(7, 5)), "float16"),
        (Processor("gpu", compute_capability=(8, 0)), "bfloat16"),
        (Processor("gpu", compute_capability=(9, 0)), "bfloat16"),
        (Processor("tpu"), "bfloat16"),
    ],
)
def test_precision_is_the_quickest_that_needs_no_emulation(found, precision):
    assert found.precision == precision


def test_gpu_takes_more_images_the_more_memory_it_has():
    sizes = [Processor("gpu", memory_bytes=gib * GIB).batch_size(299) for gib in (1, 8, 16, 80)]
    assert sizes == [8, 64, 128, 512]


def test_gpu_takes_more_images_the_smaller_they_are():
    gpu = Processor("gpu", memory_bytes=8 * GIB)
    assert gpu.batch_size(150) == 256 > gpu.batch_size(299)


def test_accelerator_that_tells_no_memory_gets_a_batch_all_the_same():
    assert Processor("tpu").batch_size(299) == 128


def test_batch_of_a_cpu_hangs_on_nothing():
    assert Processor("cpu").batch_size(75) == Processor("cpu").batch_size(1024) == 32


def test_features_of_the_cpu_are_read_from_the_system(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 amx_bf16\nbugs\t: none\n")
    assert processor.cpu_features(cpuinfo) == {"fpu", "avx2", "amx_bf16"}


def test_system_that_tells_no_features_has_none(tmp_path):
    (tmp_path / "cpuinfo").write_text("CPU architecture: 8\n")
    assert processor.cpu_features(tmp_path / "cpuinfo") == frozenset()
    assert processor.cpu_features(tmp_path / "absent") == frozenset()


@pytest.fixture
def devices(monkeypatch):
    """Lets TensorFlow find other devices than there are: (kind, compute capability, bytes)."""
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    def found(*devices):
        class Device(NamedTuple):
            device_type: str
            capability: tuple[int, int] = (0, 0)
            memory_limit: int = 0

        made = [Device(*each) for each in devices]

        def listed(session_config: tf.compat.v1.ConfigProto | None = None):
            assert session_config is None
            return [Device("CPU", memory_limit=GIB // 4), *made]

        def of_kind(kind):
            return [each for each in made if each.device_type == kind]

        monkeypatch.setattr(tf.config, "list_physical_devices", of_kind)
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda device: {"compute_capability": device.capability},
        )
        monkeypatch.setattr(device_lib, "list_local_devices", listed)
        return processor.found()

    return found


@pytest.mark.graph
@pytest.mark.parametrize(
    ("capability", "gib", "precision", "batch"),
    [((6, 1), 4, "float32", 32), ((7, 5), 16, "float16", 128), ((9, 0), 80, "bfloat16", 512)],
)
def test_gpu_is_known_by_its_capability_and_its_own_memory(
    devices, capability, gib, precision, batch
):
    gpu = devices(("GPU", capability, gib * GIB))
    assert (gpu.kind, gpu.precision, gpu.batch_size(299)) == ("gpu", precision, batch)


@pytest.mark.graph
def test_batch_fits_into_the_smallest_of_several_gpus(devices):
    gpu = devices(("GPU", (8, 0), 80 * GIB), ("GPU", (8, 0), 8 * GIB))
    assert gpu.batch_size(299) == 64


@pytest.mark.graph
def test_tpu_comes_before_all_else(devices):
    found = devices(("GPU", (9, 0), 80 * GIB), ("TPU",))
    assert (found.kind, found.precision, found.batch_size(299)) == ("tpu", "bfloat16", 128)


@pytest.mark.graph
def test_cpu_without_onednn_has_no_use_for_its_features(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(processor, "cpu_features", lambda: frozenset({"amx_bf16"}))
    assert processor.found(environ={}).precision == "bfloat16"
    assert processor.found(environ={"TF_ENABLE_ONEDNN_OPTS": "0"}).precision == "float32"
