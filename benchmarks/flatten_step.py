"""Training steps a second of the course's Flatten head: our RMSprop against Keras' own.

A step is 20 maps of 7x7x768, flattened, through Dense 1024 and Dense 1, forward and backward: 38.5
million weights. Both sides have the same weights and maps, and take turns; `cpu_ratio` is the ratio
in seconds of CPU, which other work on the machine disturbs less.
"""

import json
import os
import statistics
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from trainer.fused import FusedRMSprop

MAP = 7 * 7 * 768
BATCH, STEPS, ROUNDS = 20, 5, 5
RATE = 1e-4


def main() -> None:
    """Print one line of JSON."""
    ours, yardstick = _network(FusedRMSprop(RATE)), _network(keras.optimizers.RMSprop(RATE))
    rng = np.random.default_rng(0)
    maps = rng.random((BATCH, MAP), np.float32)
    labels = rng.integers(0, 2, BATCH).astype(np.float32)
    for network in (ours, yardstick):
        network.train_on_batch(maps, labels)
    rounds = [
        [_seconds(network, maps, labels) for network in (ours, yardstick)] for _ in range(ROUNDS)
    ]
    walls, cpus = np.moveaxis(np.array(rounds), -1, 0)
    result = {
        "name": "flatten_training_steps_per_second",
        "ours": round(1 / statistics.median(walls[:, 0]), 2),
        "yardstick": round(1 / statistics.median(walls[:, 1]), 2),
        "ratio": round(statistics.median(walls[:, 1] / walls[:, 0]), 2),
        "cpu_ratio": round(statistics.median(cpus[:, 1] / cpus[:, 0]), 2),
        "cpu_milliseconds": round(1000 * statistics.median(cpus[:, 0]), 1),
    }
    print(json.dumps(result))


def _network(optimizer: keras.Optimizer) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((MAP,)), keras.layers.Dense(1024, "relu"), keras.layers.Dense(1)]
    network = keras.Sequential(layers)
    network.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    return network


def _seconds(network: keras.Model, maps: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Of a step: wall time, and CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        network.train_on_batch(maps, labels)
    return (time.perf_counter() - wall) / STEPS, (time.process_time() - cpu) / STEPS


if __name__ == "__main__":
    main()
