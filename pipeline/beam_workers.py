"""What Beam's worker processes are told when they start (`beam.runner = "multi_processing"`)."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# See apache_beam/runners/worker/sdk_worker_main.py.
VARIABLE = "PIPELINE_OPTIONS_FILE"
# Not TensorFlow's own: this process, and others that it starts, keep all threads.
THREADS = "FROSTLINE_WORKER_THREADS"

_PLUGINS = ("pipeline.worker_start", "tfx")


@contextmanager
def prepared(*, workers: int) -> Iterator[None]:
    """Have workers share the cores, and import `pipeline.worker_start` and `tfx` before all else.

    TFX stands in for a module that an older tensorflow_data_validation wants and tfx_bsl no longer
    has. Beam's in-process runner hands none of its own options to the workers that it starts.

    Args:
      workers: how many there are; 0 is one a core.
    """
    cores = os.cpu_count() or 1
    threads = max(1, cores // (workers or cores))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"beam_plugins": _PLUGINS}, file)
        file.flush()
        with _environment({VARIABLE: file.name, THREADS: str(threads)}):
            yield


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
