"""A run of two classes as its summary tells it, to be changed by each test."""

from pathlib import Path

import pytest

from components.gates import Gate
from pipeline.config import Config
from pipeline.report import page
from pipeline.report.evidence import Evidence
from pipeline.steps import Step
from pipeline.summary import Pushed, Summary

SUMMARY = {
    "run_id": "20260102-030405",
    "status": "pushed",
    "exit_code": 0,
    "started": "2026-01-02T03:04:05+00:00",
    "seconds": 136.25,
    "command": ["frostline", "run", "--data", "my photos"],
    "preset": "default",
    "config": Config().model_dump(mode="json"),
    "model": {"weights": "w.h5", "weights_sha256": "ab12", "untrained": False},
    "log": "somewhere/run.log",
    "data": {
        "path": "my photos",
        "read": 3003,
        "accepted": 3000,
        "accepted_by_split": {
            "train": {"cats": 1001, "dogs": 999},
            "eval": {"cats": 490, "dogs": 510},
        },
        "quarantined": {"empty": 1, "undecodable": 2},
        "ignored": 0,
        "reused": 0,
        "accept_reason": "",
    },
    "steps": [
        Step("ImageExampleGen", "cached", 1.5),
        Step("Trainer", "ran", 6.0, ["ImageExampleGen"]),
        Step("Pusher", "ran", 0.5, ["ImageExampleGen", "Trainer"]),
    ],
    "training": {
        "best_epoch": 2,
        "epochs": [
            {"epoch": 1, "accuracy": 0.9, "loss": 0.4, "val_accuracy": 0.91, "val_loss": 0.3},
            {"epoch": 2, "accuracy": 0.95, "loss": 0.3, "val_accuracy": 0.93, "val_loss": 0.2},
            {"epoch": 3, "accuracy": 0.96, "loss": 0.2, "val_accuracy": 0.92, "val_loss": 0.25},
        ],
        "calibration": {
            "images": 1000,
            "temperature": 0.75,
            "threshold": 0.5,
            "before": {"log_loss": 0.0224},
            "after": {"log_loss": 0.009384462609887123},
        },
    },
    "evaluation": {
        "log_loss": 0.009384462609887123,
        "accuracy": 0.997,
        "example_count": 1000.0,
    },
    "evaluation_by_class": {
        "cats": {"log_loss": 0.011, "accuracy": 0.996, "example_count": 490.0},
        "dogs": {"log_loss": 0.007, "accuracy": 0.998, "example_count": 510.0},
    },
    "evaluation_by_slice": {
        "brightness": {"dark": {"log_loss": 0.2, "accuracy": 0.9, "example_count": 20.0}}
    },
    "gates": [
        Gate("quarantined_share", 0.001, {"max": 0.1}, True, "Few were set aside.", (), "DataGate"),
        Gate("accuracy", 0.997, {"min": 0.8}, True, "Accuracy 0.9970 is at least 0.8."),
    ],
    "pushed": Pushed("w/serving/frostline/7", "7"),
    "versions": {"python": "3.11.7", "frostline": "0.1.0"},
}


@pytest.fixture
def a_summary():
    def make(**changes):
        return Summary(**{**SUMMARY, **changes})

    return make


@pytest.fixture
def draw(a_summary):
    """Draws the page of a run that differs from the usual one by some fields."""

    def drawn(evidence=None, **changes):
        return page.draw(a_summary(**changes), evidence or Evidence(), Path("some/w"))

    return drawn
