"""OpenVINO's side of benchmarks/frozen_base.py: runs in a venv of its own, and takes turns.

Usage: openvino_forward.py SAVED_MODEL SIZE. Each line of standard input is a number of images at
once and a number of times; the answer is the seconds of wall clock and of CPU that they took.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import openvino as ov  # pyright: ignore[reportMissingImports]  In a venv of its own


def main() -> None:
    """Answer until the input ends."""
    model = ov.convert_model(sys.argv[1])
    sides = {}
    for line in sys.stdin:
        batch_size, times = map(int, line.split())
        if batch_size not in sides:
            sides[batch_size] = _side(model, batch_size, int(sys.argv[2]))
        wall, cpu = time.perf_counter(), time.process_time()
        sides[batch_size](times)
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


def _side(model: ov.Model, batch_size: int, size: int) -> Callable[[int], None]:
    """One image as quickly as may be, or more of them with all threads busy."""
    model.reshape({model.inputs[0]: [batch_size, size, size, 3]})
    hint = "LATENCY" if batch_size == 1 else "THROUGHPUT"
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": hint}
    queue = ov.AsyncInferQueue(ov.Core().compile_model(model, "CPU", settings))
    pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)

    def run(times: int) -> None:
        for _ in range(times):
            queue.start_async([pixels])
            if hint == "LATENCY":
                queue.wait_all()
        queue.wait_all()

    run(4)
    return run


if __name__ == "__main__":
    main()
