"""What a worker process of Beam does first: Beam imports this module there, as a plugin of its own.

Such a worker lives for seconds, beside others, and most of them go into imports.
"""

import os

from pipeline import imports
from pipeline.beam_workers import THREADS

# TensorFlow's names for the threads within an operation and between operations.
_TENSORFLOW_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def _begin() -> None:
    for name in _TENSORFLOW_THREADS:
        os.environ.setdefault(name, os.environ.get(THREADS, "1"))
    with imports.unhindered():
        import tensorflow as tf  # noqa: F401  every step that is shared out needs it


_begin()
