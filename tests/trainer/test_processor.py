"""Each processor gets the precision that it computes in by itself, and a batch that it can hold."""

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


@pytest.mark.graph
def test_cpu_without_onednn_has_no_use_for_its_features(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(processor, "cpu_features", lambda: frozenset({"amx_bf16"}))
    assert processor.found(environ={}).precision == "bfloat16"
    assert processor.found(environ={"TF_ENABLE_ONEDNN_OPTS": "0"}).precision == "float32"
