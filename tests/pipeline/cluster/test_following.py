"""Waiting for a run, and what its end means to a script."""

import json

import pytest

from pipeline.cluster import following, submission
from pipeline.cluster.connection import ClusterError, Connection, Endpoint
from pipeline.cluster.following import Standing
from pipeline.cluster.submission import Job

BUSY = (503, {"message": "restarting"})


@pytest.fixture
def connection(kubeflow):
    return Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=5))


@pytest.fixture
def run_id(connection, compiled):
    return submission.run(connection, Job(file=compiled, name="first", experiment="frostline"))


class Clock:
    """Time that passes where somebody sleeps."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


def waited(connection, run_id, **options):
    clock, told = Clock(), []
    found = following.wait(
        connection,
        run_id,
        told=lambda answer: told.append(answer.state),
        poll_seconds=10,
        clock=clock,
        sleep=clock.sleep,
        **options,
    )
    return found, told, clock.seconds


def ended(state, **steps):
    return Standing(run_id="run-0", name="", state=state, steps=steps, error="", page="")


def test_steps_come_in_the_order_in_which_they_began_and_without_kfp_s_own_pods(
    kubeflow, connection, run_id
):
    kubeflow.states = [("RUNNING", {"Prepare": "SUCCEEDED", "ImageExampleGen": "RUNNING"})]
    found = following.standing(connection, run_id)
    assert list(found.steps.items()) == [("Prepare", "SUCCEEDED"), ("ImageExampleGen", "RUNNING")]
    assert not found.is_over


def test_waiting_ends_with_the_run(kubeflow, connection, run_id):
    kubeflow.states = [("PENDING", {}), ("RUNNING", {}), ("SUCCEEDED", {})]
    found, told, seconds = waited(connection, run_id)
    assert told == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert (found.state, seconds) == ("SUCCEEDED", 20)


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "SKIPPED"])
def test_waiting_ends_with_a_run_that_came_to_nothing(kubeflow, connection, run_id, state):
    kubeflow.states = [("RUNNING", {}), (state, {})]
    assert waited(connection, run_id)[0].state == state


def test_waiting_ends_at_its_limit(kubeflow, connection, run_id):
    found, _, seconds = waited(connection, run_id, limit_seconds=25)
    assert (found.state, seconds) == ("RUNNING", 30)


def test_a_server_that_restarts_is_waited_for(kubeflow, connection, run_id):
    kubeflow.states = [("RUNNING", {}), ("SUCCEEDED", {})]
    kubeflow.refusals = [BUSY] * 3
    assert waited(connection, run_id, patience_seconds=60)[0].state == "SUCCEEDED"


def test_a_server_that_stays_away_is_given_up(kubeflow, connection, run_id):
    kubeflow.refusals = [BUSY] * 100
    with pytest.raises(ClusterError, match=r"503 .*restarting"):
        waited(connection, run_id, patience_seconds=60)
    assert len(kubeflow.refusals) == 100 - 7


def test_a_refusal_that_asking_again_cannot_change_ends_the_waiting(kubeflow, connection, run_id):
    kubeflow.refusals = [(403, {"message": "not yours"})]
    with pytest.raises(ClusterError, match=r"403 .*not yours"):
        waited(connection, run_id)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (ended("SUCCEEDED", Pusher="SUCCEEDED"), 0),
        (ended("FAILED", Trainer="FAILED"), 1),
        (ended("FAILED", DataGate="FAILED"), 4),
        (ended("FAILED", ServingGate="FAILED", Summary="FAILED"), 5),
        (ended("CANCELED", Trainer="FAILED"), 130),
        (ended("FAILED"), 1),
    ],
)
def test_the_exit_code_is_frostline_s(found, code):
    assert following.exit_code(found) == code


def test_the_run_s_own_summary_knows_best(tmp_path):
    found = ended("SUCCEEDED")
    assert following.exit_code(found, tmp_path) == 0
    folder = tmp_path / "runs" / "20261124-020000-run-0"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"exit_code": 3}))
    assert following.exit_code(found, tmp_path) == 3
