"""Other ways to train: three classes, the course's recipe, thawed layers, two devices."""

import json

import pytest

pytestmark = pytest.mark.e2e

# Executed by every Python process that finds it on its path, before anything else.
TWO_DEVICES = """
import tensorflow as tf

[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


@pytest.fixture
def work_dir(tmp_path):
    return tmp_path / "w"


def check_pushed(run):
    assert run.exit_code == 0, run.stdout + run.stderr
    assert run.summary["status"] == "pushed"
    assert len(run.versions) == 1


def test_three_classes_get_a_softmax(frostline, make_images, made_weights, work_dir, tmp_path):
    classes = ("cold", "mild", "warm")
    data = make_images(tmp_path / "data", classes=classes, count=24)
    run = frostline.run(
        data=data,
        work_dir=work_dir,
        weights=made_weights,
        settings={"data.eval_fraction": 0.4},
    )
    check_pushed(run)
    assert set(run.summary["evaluation_by_class"]) == set(classes)
    assert "(None, 3)" in (work_dir / "latest" / "model.txt").read_text()
    said = frostline("predict", "--model", work_dir, data / "mild" / "0.png", "--format", "csv")
    assert said.exit_code == 0
    assert "mild" in said.stdout


def test_course_augments_live_and_pushes(frostline, split_images, work_dir):
    run = frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights="random",
        preset="course",
        settings={
            "push.untrained": "true",
            "train.epochs": 1,
            "train.steps_per_epoch": 2,
            "train.validation_steps": 1,
            "evaluate.thresholds.accuracy.min": 0.01,
        },
    )
    check_pushed(run)
    assert run.summary["config"]["augment"]["enabled"] is True
    assert len(run.summary["training"]["epochs"]) == 1
    assert "UNTRAINED" in run.stdout


@pytest.mark.parametrize("base", ["live", "cached"])
def test_thawed_layers_are_trained(frostline, split_images, made_weights, work_dir, base):
    run = frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights=made_weights,
        settings={"model.thaw_from": "mixed1", "train.base": base, "train.epochs": 3},
    )
    assert ("FrozenFeatures" in run.states) == (base == "cached")
    assert run.exit_code in (0, 3), run.stdout + run.stderr
    assert run.states["Trainer"] == "ran"
    loss = [row["loss"] for row in run.summary["training"]["epochs"]]
    assert loss[-1] < loss[0]


def test_changed_views_of_each_image_are_frozen_for_a_flatten_head(
    frostline, split_images, made_weights, work_dir
):
    run = frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights=made_weights,
        settings={
            "augment.enabled": "true",
            "augment.views": 3,
            "model.head": "flatten",
            "train.learning_rate": 1e-3,
        },
    )
    check_pushed(run)
    [index] = work_dir.glob("artifacts/FrozenFeatures/frozen/*/index.json")
    assert json.loads(index.read_text())["account"]["rows"] == 40 * (2 + 3) + 16


def test_two_devices_share_the_batches(frostline, split_images, made_weights, work_dir, tmp_path):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(TWO_DEVICES)
    run = frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights=made_weights,
        settings={"train.strategy": "mirrored"},
        environ={"PYTHONPATH": str(tmp_path / "path")},
    )
    check_pushed(run)
    log = (work_dir / "latest" / "run.log").read_text()
    assert "Using MirroredStrategy with devices" in log
    assert "CPU:1" in log


@pytest.mark.timeout(600)
def test_beam_can_use_several_processes(frostline, split_images, made_weights, work_dir):
    run = frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights=made_weights,
        settings={"beam.runner": "multi_processing", "beam.workers": 2},
    )
    check_pushed(run)
    assert run.summary["data"]["accepted"] == 56
