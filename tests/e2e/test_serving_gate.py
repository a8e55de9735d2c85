"""Whole runs that the serving gate stops, and what it leaves of those that it lets through."""

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("serving_gate") / "w"


@pytest.fixture(scope="module")
def stopped(frostline, split_images, made_weights, work_dir):
    return frostline.run(
        data=split_images,
        work_dir=work_dir,
        weights=made_weights,
        settings={"serving_gate.max_p50_ms.8": 1e-6},
    )


@pytest.fixture(scope="module")
def let_through(frostline, split_images, made_weights, work_dir, stopped):
    return frostline.run(data=split_images, work_dir=work_dir, weights=made_weights)


def test_impossible_bound_ends_the_run_with_five_and_pushes_nothing(stopped, work_dir):
    assert stopped.exit_code == stopped.summary["exit_code"] == 5, stopped.stderr
    assert stopped.summary["status"] == "not_servable"
    assert stopped.versions == []
    assert not (work_dir / "blessed").exists()
    failed = [gate for gate in stopped.summary["gates"] if not gate["passed"]]
    assert [(gate["step"], gate["check"]) for gate in failed] == [("ServingGate", "p50_batch_8")]
    assert "the model did not pass the serving gate" in stopped.stdout
    assert "up to 1e-06 ms is accepted (serving_gate.max_p50_ms.8)" in stopped.stdout


def test_another_bound_judges_again_and_trains_nothing(let_through):
    assert let_through.exit_code == 0, let_through.stdout
    assert let_through.states["Trainer"] == let_through.states["Evaluator"] == "cached"
    assert let_through.states["ServingGate"] == let_through.states["Pusher"] == "ran"
    assert len(let_through.versions) == 1


def test_scores_in_training_and_those_served_agree(let_through):
    [parity] = [gate for gate in let_through.summary["gates"] if gate["check"] == "parity"]
    assert parity["value"] <= 1e-3
    assert let_through.summary["serving"]["parity"]["images"] == 16


def test_closing_lines_count_the_checks_of_serving(let_through):
    assert "checks of serving" in let_through.stdout


def test_nothing_changed_judges_nothing_again(frostline, split_images, made_weights, let_through):
    again = frostline.run(data=split_images, work_dir=let_through.work_dir, weights=made_weights)
    assert again.exit_code == 0, again.stdout
    assert again.states["ServingGate"] == "cached"
