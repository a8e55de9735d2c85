"""What Beam's worker processes are told when they start (`beam.runner = "multi_processing"`)."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# See apache_beam/runners/worker/sdk_worker_main.py.
VARIABLE = "PIPELINE_OPTIONS_FILE"


@contextmanager
def prepared() -> Iterator[None]:
    """Have workers import `tfx` before anything else.

    It stands in for a module that an older tensorflow_data_validation wants and tfx_bsl no longer
    has. Beam's in-process runner hands none of its own options to the workers that it starts.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"beam_plugins": ["tfx"]}, file)
        file.flush()
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = file.name
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            if before is not None:
                os.environ[VARIABLE] = before
