"""Which devices train: each setting, what it needs, and two devices against one."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from trainer import devices, multi_worker
from trainer.errors import ConfigError

pytestmark = pytest.mark.graph


def cluster(*hosts):
    task = {"type": "worker", "index": 0}
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": hosts}, "task": task})}


def choose(setting, **environ):
    return devices.choose_strategy(setting, environ=environ)


def refusal(setting, **environ):
    started = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        choose(setting, **environ)
    assert time.perf_counter() - started < 10
    return str(caught.value)


@pytest.mark.parametrize("setting", ["auto", "one_device"])
def test_one_device_trains_alone(setting):
    assert isinstance(choose(setting), tf.distribute.OneDeviceStrategy)


def test_mirrored_may_be_asked_for_with_one_device():
    strategy = choose("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 1


def test_a_cluster_of_one_is_one_device():
    assert isinstance(choose("auto", **cluster("host:1")), tf.distribute.OneDeviceStrategy)


def test_several_workers_need_tf_config():
    message = refusal("multi_worker")
    assert 'train.strategy = "multi_worker" needs the environment variable TF_CONFIG' in message
    assert '{"cluster": {"worker": ["host:2222", "other:2222"]}' in message
    assert 'use "auto"' in message


@pytest.mark.parametrize("setting", ["auto", "multi_worker"])
def test_tf_config_that_lists_no_workers_is_told(setting):
    message = refusal(setting, TF_CONFIG='{"cluster": 3}')
    assert "TF_CONFIG is '{\"cluster\": 3}'" in message


def test_auto_takes_several_workers_where_tf_config_names_them(monkeypatch):
    # Only the choice: a strategy of several workers waits until they are all there.
    monkeypatch.setattr(multi_worker, "strategy", lambda listed: listed.addresses)
    assert choose("auto", **cluster("one:1", "other:1")) == ("one:1", "other:1")
    assert choose("multi_worker", **cluster("one:1")) == ("one:1",)


def test_tpu_that_is_not_there_is_told_at_once():
    message = refusal("tpu")
    assert "train.strategy = \"tpu\" found no TPU named 'local'" in message
    assert "set TPU_NAME to one that can be reached" in message
    assert "\n" not in message


@pytest.mark.parametrize("setting", ["tpu", "auto"])
def test_tpu_name_that_leads_nowhere_is_told_at_once(setting):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{unused.getsockname()[1]}"
        message = refusal(setting, TPU_NAME=address)
    assert f"found no TPU named '{address}' ([Errno 111] Connection refused)" in message


def test_tpu_address_without_a_port_is_told():
    assert "found no TPU named 'grpc://host'" in refusal("tpu", TPU_NAME="grpc://host")


# The number of logical devices is set before TensorFlow starts, so this runs in its own process.
# One device trains through; the training of two is interrupted amid its second epoch. 22 images in
# batches of 7: pieces are of 3 and 4 images, and one device gets nothing of the last batch.
TWO_DEVICES = """
import json, logging, sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from trainer import training
from trainer.devices import choose_strategy
from trainer.settings import TrainerSettings
from trainer.training_rows import Examples

class Interrupter(logging.Handler):
    def emit(self, record):
        if record.progress.unit == "steps" and record.progress.done == 6:
            raise KeyboardInterrupt

def histories(strategy, *, interrupted):
    run_dir = Path(sys.argv[1], strategy)
    run_dir.mkdir()
    job = training.Job(
        settings=TrainerSettings.model_validate({
            "image": {"size": 75},
            "model": {"cut": "mixed0", "dropout": 0.0},
            "train": {"base": "live", "batch_size": 7, "epochs": 2, "strategy": strategy},
        }),
        examples=Examples(sys.argv[2:], sys.argv[2:], ["cold", "warm"]),
        features=None,
        weights=None,
        checkpoints=run_dir / "checkpoints",
        run_dir=run_dir,
    )
    progress = logging.getLogger("frostline.progress")
    progress.setLevel(logging.INFO)
    if interrupted:
        progress.addHandler(interrupter := Interrupter())
        try:
            training.train(job)
        except KeyboardInterrupt:
            progress.removeHandler(interrupter)
    training.train(job)
    return json.loads((run_dir / "history.json").read_text())["epochs"]

print(json.dumps({
    "replicas": choose_strategy("mirrored").num_replicas_in_sync,
    "one": histories("one_device", interrupted=False),
    "two": histories("mirrored", interrupted=True),
}))
"""


def test_two_devices_learn_what_one_learns_even_when_interrupted(
    make_images, write_examples, tmp_path
):
    images = make_images(tmp_path / "images", count=11)
    files = write_examples(images, tmp_path / "data", size=75)
    ran = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, tmp_path, *files],
        cwd=Path(devices.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["replicas"] == 2
    # The batch size is global, so both take the same steps, and only rounding differs.
    for one, two in zip(answer["one"], answer["two"], strict=True):
        for name in ("val_loss", "val_accuracy"):
            assert two[name] == pytest.approx(one[name], rel=1e-3)
        # Keras counts an image of a smaller piece for more here, and a repeated one too.
        assert two["loss"] == pytest.approx(one["loss"], rel=0.1)
    assert answer["one"][0]["val_loss"] != pytest.approx(answer["one"][1]["val_loss"], rel=0.05)
