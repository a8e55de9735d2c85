"""The named starting points of a configuration, as the tables that a config file would hold.

`default` changes nothing: the defaults of the settings are what measures best.
"""

from collections.abc import Mapping
from typing import Any

DEFAULT = "default"
SAMPLE = "sample"

PRESETS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    # The transfer-learning recipe as the course teaches it, number by number.
    "course": {
        "image": {"size": 150, "scaling": "zero_to_one"},
        "model": {
            "cut": "mixed7",
            "head": "flatten",
            "normalize": False,
            "dense_units": 1024,
            "dropout": 0.2,
            "l2": 0.0,
            "calibrate": False,
        },
        "augment": {
            "enabled": True,
            "rotation_degrees": 40.0,
            "width_shift": 0.2,
            "height_shift": 0.2,
            "shear_degrees": 0.2,
            "zoom": 0.2,
            "horizontal_flip": True,
        },
        "train": {
            "base": "live",
            "epochs": 100,
            "batch_size": 20,
            "steps_per_epoch": 100,
            "validation_steps": 50,
            "optimizer": "rmsprop",
            "learning_rate": 1e-4,
            "learning_rate_schedule": "constant",
            "early_stopping_patience": 0,
        },
    },
    # Minutes on two cores, and an honest bar that a random base can clear too.
    SAMPLE: {
        "image": {"size": 150},
        "model": {"cut": "mixed7"},
        "train": {"batch_size": 32},
        "evaluate": {"thresholds": {"accuracy": {"min": 0.75}}},
        "push": {"untrained": True},
    },
}
