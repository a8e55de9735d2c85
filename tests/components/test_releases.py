"""A version that is served comes and goes as a whole, for whoever polls its folder."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from components import releases
from components.blessed import Blessed

# Loads each version once, as soon as it sees it, as TF Serving does; tells what came of it.
POLLER = """
import pathlib, sys
import tensorflow as tf
base, seen = pathlib.Path(sys.argv[1]), set()
print("polling", flush=True)
while True:
    for folder in base.iterdir():
        if folder.name.isdecimal() and folder.name not in seen:
            seen.add(folder.name)
            try:
                model = tf.saved_model.load(str(folder))
                print(float(model.signatures["serving_default"](tf.constant(2.0))["y"]), flush=True)
            except Exception as error:
                print(repr(error), flush=True)
"""


def release(base, version, **changes):
    return Blessed(version, f"{base}/{version}", "judged-1", {"": {"accuracy": 0.9}}, **changes)


@pytest.fixture
def model(tmp_path):
    """A folder that passes for a SavedModel where nobody loads it."""
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


@pytest.fixture
def base(tmp_path, model):
    """Where versions 1, 2 and 3 are served."""
    folder = tmp_path / "serving" / "m"
    for version in (1, 2, 3):
        releases.publish(str(model), release(folder, version))
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_published_version_is_the_model_and_its_card(base, model):
    folder = base / "3"
    files = {path.relative_to(model) for path in model.rglob("*") if path.is_file()}
    published = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert published == files | {Path(releases.CARD)}
    assert (folder / "variables" / "variables.index").read_bytes() == b"weights"
    assert releases.card(folder) == release(base, 3)
    assert names(base) == ["1", "2", "3"]


def test_version_that_somebody_else_pushed_has_no_card(base):
    (base / "4").mkdir()
    (base / "4" / "saved_model.pb").touch()
    assert releases.card(base / "4") is None


def test_next_version_counts_seconds_and_is_above_every_other(base):
    before = int(time.time())
    assert before <= releases.next_version(str(base)) <= int(time.time())
    (base / "9999999999").mkdir()
    (base / "9999999999" / "saved_model.pb").touch()
    assert releases.next_version(str(base)) == 10_000_000_000
    releases.withdraw(base, 9_999_999_999)
    assert releases.next_version(str(base)) == 10_000_000_000


def test_versions_are_numbers_with_a_model_in_the_order_of_numbers(base):
    (base / "10").mkdir()
    (base / "10" / "saved_model.pb").touch()
    (base / "11").mkdir()
    (base / "012").mkdir()
    (base / "012" / "saved_model.pb").touch()
    (base / "latest").mkdir()
    assert releases.versions(base) == [1, 2, 3, 10]


def test_withdrawn_version_is_out_of_sight_until_it_is_restored(base):
    releases.withdraw(base, 3)
    assert (releases.versions(base), releases.withdrawn(base)) == ([1, 2], [3])
    releases.restore(base, 3)
    assert (releases.versions(base), releases.withdrawn(base)) == ([1, 2, 3], [])
    assert (base / "3" / "variables" / "variables.index").read_bytes() == b"weights"


def test_all_but_the_latest_versions_are_removed(base):
    assert releases.prune(str(base), keep=2) == [1]
    assert names(base) == ["2", "3"]
    assert releases.prune(str(base), keep=2) == []


def test_as_many_withdrawn_versions_are_kept_as_served_ones(base):
    for version in (1, 2):
        releases.withdraw(base, version)
    assert releases.prune(str(base), keep=1) == [1]
    assert (releases.versions(base), releases.withdrawn(base)) == ([3], [2])
    assert [releases.was_withdrawn(base, version) for version in (1, 2, 3)] == [True, True, False]


def test_what_a_killed_push_left_is_swept_away(base):
    for name in (".incoming-4", ".outgoing-1", ".withdrawn/.outgoing-2", "4"):
        (base / name / "variables").mkdir(parents=True)
    releases.withdraw(base, 2)
    releases.sweep(base)
    assert names(base) == [".withdrawn", "1", "3"]
    assert names(base / ".withdrawn") == ["2"]


def test_push_goes_on_after_one_that_was_killed(base, model):
    (base / ".incoming-4" / "half").mkdir(parents=True)
    releases.publish(str(model), release(base, 4))
    assert not (base / "4" / "half").exists()
    assert releases.versions(base) == [1, 2, 3, 4]


@pytest.mark.graph
def test_version_is_published_to_an_object_store_its_graph_last(model, monkeypatch):
    from tfx.dsl.io import fileio

    base, copied, copy = "ram://test_releases/m", [], fileio.copy

    def watched(source, target, **options):
        copied.append(Path(source).name)
        copy(source, target, **options)

    monkeypatch.setattr(fileio, "copy", watched)
    assert releases.next_version(base) <= int(time.time())
    releases.publish(str(model), release(base, 5_000_000_000))
    assert copied == ["variables.index", "saved_model.pb"]
    assert fileio.exists(f"{base}/5000000000/{releases.CARD}")
    assert releases.next_version(base) == 5_000_000_001
    assert releases.prune(base, keep=1) == []


@pytest.mark.graph
def test_who_loads_on_sight_never_meets_half_a_model(tmp_path):
    import tensorflow as tf

    class Tripled(tf.Module):
        def __init__(self):
            super().__init__()
            self.factor = tf.Variable(tf.constant(3.0))
            # So much that a copy takes a while, in which a poller looks.
            self.ballast = tf.Variable(tf.random.normal([4_000_000]))

        @tf.function(input_signature=[tf.TensorSpec([], name="x")])
        def __call__(self, x):
            return {"y": self.factor * x}

    module, model, base = Tripled(), tmp_path / "model", tmp_path / "serving"
    tf.saved_model.save(module, str(model), signatures=module.__call__)
    base.mkdir()
    poller = subprocess.Popen(
        [sys.executable, "-c", POLLER, str(base)], stdout=subprocess.PIPE, text=True
    )
    assert poller.stdout
    told = []
    try:
        assert poller.stdout.readline() == "polling\n"
        for version in range(1, 21):
            releases.publish(str(model), release(base, version))
            told.append(poller.stdout.readline())
            releases.prune(str(base), keep=2)
    finally:
        poller.kill()
    assert told == ["6.0\n"] * 20
