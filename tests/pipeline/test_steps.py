"""Steps are followed by the very messages that TFX's runner logs."""

import logging

import pytest

from pipeline.steps import Step, StepLog

NAMES = ["ImageExampleGen", "Trainer", "Pusher"]
STARTED = "Component %s is running."
CACHED = "A cached execution %d is used."
FINISHED = "Component %s is finished."


class Listener:
    def __init__(self):
        self.heard = []

    def step_started(self, name):
        self.heard.append((name, "running"))

    def step_finished(self, name, state):
        self.heard.append((name, state))


class Clock:
    """Goes on by a second each time it is looked at."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def log(listener):
    return StepLog([Step(name) for name in NAMES], listener, clock=Clock())


@pytest.fixture
def say(log):
    logger = logging.Logger("as TFX does", logging.INFO)
    logger.addHandler(log)
    return logger.info


def states(log):
    return [step.state for step in log.steps]


def test_all_steps_wait_before_the_run(log):
    assert [(step.name, step.state) for step in log.steps] == [(name, "waiting") for name in NAMES]


def test_step_that_starts_and_ends_ran(log, say, listener):
    say(STARTED, "ImageExampleGen")
    assert states(log) == ["running", "waiting", "waiting"]
    say(FINISHED, "ImageExampleGen")
    assert states(log) == ["ran", "waiting", "waiting"]
    assert log.steps[0].seconds == 1.0
    assert listener.heard == [("ImageExampleGen", "running"), ("ImageExampleGen", "ran")]


def test_cached_step_is_told_from_the_one_after_it(log, say):
    for name, is_cached in (("ImageExampleGen", True), ("Trainer", False)):
        say(STARTED, name)
        if is_cached:
            say(CACHED, 7)
        say(FINISHED, name)
    assert states(log) == ["cached", "ran", "waiting"]


def test_stop_fails_the_running_step_and_skips_the_later_ones(log, say, listener):
    say(STARTED, "ImageExampleGen")
    say(FINISHED, "ImageExampleGen")
    say(STARTED, "Trainer")
    assert log.stop() == "Trainer"
    assert states(log) == ["ran", "failed", "skipped"]
    assert listener.heard[-2:] == [("Trainer", "failed"), ("Pusher", "skipped")]


def test_stop_between_steps_fails_none(log, say):
    say(STARTED, "ImageExampleGen")
    say(FINISHED, "ImageExampleGen")
    assert log.stop() is None
    assert states(log) == ["ran", "skipped", "skipped"]


def test_other_messages_change_nothing(log, say, listener):
    say("Component ImageExampleGen is running.")
    say("MetadataStore with DB connection initialized")
    assert states(log) == ["waiting"] * 3
    assert not listener.heard
