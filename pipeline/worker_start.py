"""What a worker process of Beam does first: Beam imports this module there, as a plugin of its own.

Such a worker lives for seconds, beside others. Importing TensorFlow makes about 900,000 Python
objects; to look through them again and again for garbage takes a third of the import's time, and
as long again when the process ends.
"""

import atexit
import gc
import os

from pipeline.beam_workers import THREADS

# TensorFlow's names for the threads within an operation and between operations.
_TENSORFLOW_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def _begin() -> None:
    for name in _TENSORFLOW_THREADS:
        os.environ.setdefault(name, os.environ.get(THREADS, "1"))
    gc.disable()
    import tensorflow as tf  # noqa: F401  every step that is shared out needs it

    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)


_begin()
