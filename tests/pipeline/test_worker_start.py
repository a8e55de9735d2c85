"""A worker process that imports the plugin, as Beam has it do."""

import os
import subprocess
import sys

import pytest

from pipeline.beam_workers import THREADS

pytestmark = pytest.mark.graph

# TensorFlow names its threads between operations so. A function runs on them, not on Python's own.
_WORKER = """
import gc
import pipeline.worker_start
import tensorflow as tf
tf.function(lambda x: tf.map_fn(tf.nn.relu, x))(tf.zeros([64, 64]))
from pathlib import Path
names = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
print(names.count("tf_Compute"), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_worker_has_its_share_of_threads_and_collects_only_its_own_garbage(threads):
    ours = {THREADS: str(threads)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    run = subprocess.run(
        [sys.executable, "-c", _WORKER],
        env={**clean, **ours},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [str(threads), "True", "True"]
