"""Imports of TensorFlow and TFX, which take seconds, a third of them for nothing.

They make about 900,000 Python objects that stay. Python's garbage collector looks through them
again and again while they come, and once more when the process ends.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unhindered() -> Iterator[None]:
    """Import without the garbage collector, and have it leave alone what has come, to the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.freeze)
