"""Whole runs that the data gate stops, and those that a person lets go on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e

SETTINGS = {
    "image.size": 75,
    "model.cut": "mixed1",
    "train.epochs": 1,
    "train.batch_size": 16,
    "push.untrained": "true",
    "evaluate.thresholds.accuracy.min": 0.01,
}
SIZES = {"train": 20, "validation": 8}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def make_data(place):
    """Makes class folders in split folders: noise, of an edge of so many pixels."""

    def make(name, *, classes=("cold", "warm"), edge):
        for split, count in SIZES.items():
            for number, label in enumerate(classes):
                # Seeded by what it is: the same call makes the same images.
                rng = np.random.default_rng([count, number, edge])
                folder = place / name / split / label
                folder.mkdir(parents=True)
                for n in range(count):
                    pixels = rng.normal(60 + 60 * number, 25, (edge + n % 4, edge, 3))
                    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                    image.save(folder / f"{n}.png")
        return place / name

    return make


@pytest.fixture(scope="module")
def run(frostline, place):
    """Runs to the end; answers exit code, output and summary."""

    def ended(data, *arguments):
        settings = [word for item in SETTINGS.items() for word in ("--set", "{}={}".format(*item))]
        end = frostline(
            *("run", "--data", data, "--work-dir", place / "w", "--weights", "random"),
            *settings,
            *arguments,
            timeout=300,
        )
        summary = json.loads((place / "w" / "latest" / "summary.json").read_text())
        assert summary["exit_code"] == end.exit_code
        return end, summary

    return ended


@pytest.fixture(scope="module")
def small(make_data):
    return make_data("small", edge=90)


@pytest.fixture(scope="module")
def large(make_data):
    return make_data("large", edge=300)


@pytest.fixture(scope="module")
def first(run, small):
    return run(small)


@pytest.fixture(scope="module")
def again(first, run, small):
    return run(small)


@pytest.fixture(scope="module")
def drifted(again, run, large):
    return run(large)


@pytest.fixture(scope="module")
def accepted(drifted, run, large):
    return run(large, "--accept-data", "a better camera")


@pytest.fixture(scope="module")
def accepted_again(accepted, run, large):
    return run(large)


@pytest.fixture(scope="module")
def curated(accepted_again, frostline, place):
    """The schema, frozen and curated: there are no `warm` images any more."""
    end = frostline("schema", "freeze", "--work-dir", place / "w")
    assert end.exit_code == 0, end.stderr
    path = Path(end.stdout.splitlines()[0])
    path.write_text(path.read_text().replace('value: "warm"', ""))
    return path


@pytest.fixture(scope="module")
def against_curated(curated, run, large):
    return run(large)


def states(summary):
    return {step["name"]: step["state"] for step in summary["steps"]}


def data_checks(summary):
    return {gate["check"]: gate for gate in summary["gates"] if gate["step"] == "DataGate"}


def failed(summary):
    return {check for check, gate in data_checks(summary).items() if not gate["passed"]}


def test_first_data_pass_and_are_said_to_be_the_first(first):
    end, summary = first
    assert end.exit_code == 0, end.stdout
    assert states(summary)["DataGate"] == "ran"
    assert not failed(summary)
    assert "No data were accepted before" in data_checks(summary)["property_drift"]["sentence"]


def test_second_identical_run_is_cached_to_the_end(first, again):
    assert set(states(again[1]).values()) == {"cached"}
    assert again[1]["gates"] == first[1]["gates"]


def test_data_that_drifted_are_refused_before_any_training(drifted):
    end, summary = drifted
    assert (end.exit_code, summary["status"]) == (4, "refused")
    assert states(summary)["DataGate"] == "failed"
    later = ("FrozenFeatures", "Transform", "Trainer", "Evaluator", "Pusher")
    assert {states(summary)[step] for step in later} == {"skipped"}
    assert failed(summary) == {"property_drift"}


def test_refusal_names_property_worst_files_and_the_next_command(drifted):
    end, summary = drifted
    check = data_checks(summary)["property_drift"]
    assert check["value"] == pytest.approx(1)
    assert check["value"] > check["bound"]["max"]
    named = {"image/width", "image/height"}
    assert [name for name in named if name in check["sentence"]]
    assert len(check["files"]) == 5
    assert check["sentence"] in end.stdout
    assert all(name in end.stdout for name in check["files"])
    assert end.stdout.rstrip().endswith('--accept-data "why they are fine"')


def test_person_accepts_data_and_the_reason_is_kept(accepted):
    end, summary = accepted
    assert end.exit_code == 0, end.stdout
    assert summary["data"]["accept_reason"] == "a better camera"
    assert failed(summary) == {"property_drift"}
    assert states(summary)["Trainer"] == "ran"
    assert "accepted a better camera" in end.stdout


def test_accepted_data_need_no_reason_again_and_stay_cached(accepted_again):
    end, summary = accepted_again
    assert end.exit_code == 0, end.stdout
    assert set(states(summary).values()) == {"cached"}
    assert summary["data"]["accept_reason"] == "a better camera"


def test_class_that_the_curated_schema_lacks_is_refused(against_curated):
    end, summary = against_curated
    assert end.exit_code == 4
    assert states(summary)["ImportSchemaGen"] == "ran"
    assert failed(summary) == {"schema_anomalies", "changed_classes"}
    assert "class 'warm' is new" in end.stdout


def test_schema_diff_names_the_class_that_was_removed(against_curated, frostline, place):
    end = frostline("schema", "diff", "--work-dir", place / "w")
    assert end.exit_code == 1
    assert "+    warm" in end.stdout.splitlines()
    assert not end.stderr


def test_broken_schema_is_told_with_its_line(against_curated, curated, frostline, large, place):
    lines = len(curated.read_text().splitlines())
    with curated.open("a") as file:
        file.write("feature { nme: 1 }\n")
    end = frostline("run", "--data", large, "--work-dir", place / "w", "--weights", "random")
    assert end.exit_code == 2
    assert f"wrong in line {lines + 1}" in end.stderr


def test_empty_reason_is_a_usage_error(frostline, small, tmp_path):
    end = frostline("run", "--data", small, "--work-dir", tmp_path / "w", "--accept-data", " ")
    assert end.exit_code == 2
    assert "--accept-data" in end.stderr
    assert not (tmp_path / "w").exists()
