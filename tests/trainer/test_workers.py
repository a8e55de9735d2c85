"""What TF_CONFIG says, what is said of a wrong one, and how workers meet."""

import json
import socket
import threading
import time

import pytest

from trainer import workers
from trainer.errors import ConfigError, WorkerError
from trainer.workers import Workers

TWO = {"worker": ["one:2222", "other:2222"]}


def found(cluster, task=None, **more):
    config = {"cluster": cluster, "task": task or {"type": "worker", "index": 0}, **more}
    listed = workers.found({"TF_CONFIG": json.dumps(config)})
    assert listed is not None
    return listed


def free_addresses(count):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    return tuple(found)


def pair(place, addresses):
    return Workers(addresses, ("worker 0", "worker 1"), place)


@pytest.mark.parametrize("environ", [{}, {"TF_CONFIG": ""}])
def test_without_tf_config_there_are_no_workers(environ):
    assert workers.found(environ) is None


def test_worker_0_is_the_chief_where_there_is_no_other():
    first, second = found(TWO), found(TWO, {"type": "worker", "index": 1})
    assert (first.is_chief, second.is_chief) == (True, False)
    assert len(second) == 2
    assert second.described(1) == "worker 1 (other:2222)"


def test_chief_comes_before_the_workers():
    # As Kubeflow's training operator writes it: it has an `environment`, and text for numbers.
    listed = found(
        {"worker": ["w:1"], "chief": ["c:1"]}, {"type": "worker", "index": "0"}, environment="cloud"
    )
    assert listed.names == ("chief 0", "worker 0")
    assert not listed.is_chief
    assert found({"worker": ["w:1"], "chief": ["c:1"]}, {"type": "chief", "index": 0}).is_chief


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "indices must be"),
        ("{}", "no 'cluster'"),
        ('{"cluster": {"worker": ["a:1"]}}', "no 'task'"),
        ('{"cluster": 3, "task": {}}', "not iterable"),
        ('{"cluster": {"worker": "a:1"}, "task": {}}', "'a:1' is no list of addresses"),
        ('{"cluster": {"worker": ["a"]}, "task": {}}', "'a' is not host:port"),
        ('{"cluster": {"worker": ["a:99999"]}, "task": {}}', "'a:99999' is not host:port"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {}}', "the role 'ps' is none of chief, worker"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "task is worker 1, which is not in cluster",
        ),
        (
            '{"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}',
            "there is more than one chief",
        ),
    ],
)
def test_wrong_tf_config_is_named_with_the_reason_and_a_right_one(text, reason):
    with pytest.raises(ConfigError) as caught:
        workers.found({"TF_CONFIG": text})
    message = str(caught.value)
    assert message.startswith(f"the environment variable TF_CONFIG is {text!r}")
    assert reason in message
    assert "unset it, or write it for example as" in message


def test_workers_meet_whoever_comes_first():
    addresses = free_addresses(2)
    early = threading.Thread(target=pair(0, addresses).meet, kwargs={"seconds": 20})
    early.start()
    time.sleep(0.7)
    assert early.is_alive()
    pair(1, addresses).meet(seconds=20)
    # As TensorFlow's server does now.
    with socket.create_server(("", int(addresses[1].rpartition(":")[2]))):
        early.join(timeout=5)
    assert not early.is_alive()


def test_worker_that_never_comes_is_named():
    addresses = free_addresses(2)
    with pytest.raises(WorkerError) as caught:
        pair(0, addresses).meet(seconds=0.6)
    message = str(caught.value)
    assert f"worker 1 ({addresses[1]}) did not answer worker 0 ({addresses[0]})" in message
    assert "within 1 seconds" in message


def test_taken_port_is_named():
    addresses = free_addresses(2)
    port = int(addresses[0].rpartition(":")[2])
    with socket.create_server(("", port)), pytest.raises(ConfigError) as caught:
        pair(0, addresses).meet(seconds=1)
    assert f"cannot listen at port {port} (Address already in use)" in str(caught.value)
