"""A search from the command line, and a run that trains with what it found."""

import json

import pytest

pytestmark = pytest.mark.e2e

# A hidden layer that the settings as they are do not have, so that the trained model shows it.
SEARCH = {
    "tune.enabled": "true",
    "tune.trials": 3,
    "tune.dense_units": "[5]",
    "tune.cut": '["mixed1", "mixed2"]',
    "train.epochs": 6,
    # How good so short a training is, is of no interest here.
    "evaluate.thresholds.accuracy.min": 0.01,
}


def test_search_is_printed_and_the_run_after_it_trains_with_the_best(
    frostline, split_images, made_weights, tmp_path
):
    work_dir = tmp_path / "w"
    options = {"data": split_images, "work_dir": work_dir, "weights": made_weights}
    tuned = frostline.run(command="tune", settings=SEARCH, arguments=["--json"], **options)
    assert tuned.exit_code == 0, tuned.stdout + tuned.stderr
    assert json.loads(tuned.stdout) == tuned.summary
    assert tuned.summary["status"] == "tuned"
    assert list(tuned.states)[-1] == "Tuner"
    assert not tuned.versions
    trials = tuned.summary["tuning"]["trials"]
    assert sorted(each["number"] for each in trials) == [1, 2, 3]
    best = trials[0]["values"]

    run = frostline.run(settings=SEARCH, **options)
    assert run.exit_code == 0, run.stdout + run.stderr
    assert run.states["Tuner"] == "cached"
    assert run.states["Trainer"] == "ran"
    assert run.summary["tuning"] == tuned.summary["tuning"]
    assert "  tuned    3 trials" in run.stdout
    network = (work_dir / "latest" / "model.txt").read_text()
    assert "(None, 5)" in network
    assert ("mixed2" in network) == (best["model.cut"] == "mixed2")
