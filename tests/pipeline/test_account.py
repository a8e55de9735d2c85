"""A run is summed up from what its steps have left behind."""

from datetime import UTC, datetime

import numpy as np
import pytest

from components.image_files import Listing
from pipeline import account
from pipeline.attempt import Attempt, Request
from pipeline.config import resolve
from pipeline.preflight import Weights
from pipeline.steps import Step
from trainer import feature_set, feature_store
from trainer.blocks import Block

pytestmark = pytest.mark.graph

KEYS = ["a/plain", "a/mirror", "b/plain"]


@pytest.fixture
def frozen(work_dir, recorder):
    """Features of two images, one of whose three rows was computed."""
    rows = np.zeros((3, 2), np.float32)
    feature_store.write(work_dir.features, KEYS, {"pooled": rows})
    places = feature_store.find(work_dir.features, KEYS, ["pooled"])
    base = feature_set.Base("mixed0", "bfloat16", (Block("mixed0", 2),))
    folder = work_dir.artifacts / "set"
    feature_set.write(folder, base, places, computed=1, statistics=None, pictures=[])
    recorder.output(recorder.run("1"), "FrozenFeatures", folder)
    return folder


@pytest.fixture
def features_of(work_dir, tmp_path):
    """The section `features` of a run whose step FrozenFeatures ended in some state."""

    def summed_up(state):
        request = Request(
            config=resolve(preset="default", file=None, overrides=(), weights=None),
            preset="default",
            data=None,
            listing=Listing(()),
            command=[],
            weights=Weights(None, "random"),
            started=datetime.now(UTC),
        )
        attempt = Attempt(steps=[Step("FrozenFeatures", state, 2.5)])
        return account.sum_up(work_dir, tmp_path, request, attempt).features

    return summed_up


def test_features_are_told_with_what_they_took(frozen, features_of, work_dir):
    assert features_of("ran") == {
        "images": 2,
        "views": 2,
        "rows": 3,
        "computed": 1,
        "reused": 2,
        "bytes": 24,
        "seconds": 2.5,
        "precision": "bfloat16",
        "cut": "mixed0",
        "store": str(work_dir.features),
    }


def test_features_from_the_cache_are_all_reused(frozen, features_of):
    found = features_of("cached")
    assert (found["computed"], found["reused"]) == (0, 3)


def test_features_that_are_damaged_are_not_told(frozen, features_of):
    [path] = frozen.glob("segments/*/pooled.bin")
    path.write_bytes(b"")
    assert features_of("ran") is None


def test_run_without_features_tells_none(features_of, recorder):
    recorder.run("1")
    assert features_of("ran") is None
