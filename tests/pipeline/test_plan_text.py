"""A plan says what runs, why, for how long, and what is not known."""

from dataclasses import replace

import pytest

from pipeline import plan_text
from pipeline.cached_steps import Reason
from pipeline.changes import Change
from pipeline.findings import Finding
from pipeline.past_seconds import Estimate
from pipeline.plan import Plan, PlannedStep

DROPOUT = Change("model.dropout", 0.2, 0.3)
PLAN = Plan(
    data="photos",
    files=3000,
    files_before=2900,
    steps=[
        PlannedStep("Transform", "cached"),
        PlannedStep(
            "Trainer",
            "runs",
            [Reason(str(DROPOUT), DROPOUT)],
            Estimate(12.3, "1", is_alike=False),
        ),
    ],
    seconds=20.3,
    seconds_around=8.0,
    findings=[Finding("disk", "ok", "there is room")],
)


def told(plan=PLAN):
    return "\n".join(plan_text.lines(plan, command="frostline run", width=100))


def test_steps_are_told_with_reason_and_time():
    said = told()
    assert "photos: 3,000 files (2,900 in the run before); 1 of 2 steps run, about 20.3 s" in said
    assert "Trainer     run         12.3 s ?   model.dropout 0.2 → 0.3" in said
    assert "? is told by a run with other settings." in said
    assert "there is room" in said
    assert said.endswith("next  frostline run")


def test_time_that_nobody_knows_is_not_told():
    step = PlannedStep("Trainer", "runs", [Reason("first run")])
    said = told(replace(PLAN, steps=[step], seconds=None))
    assert "unknown: no run before took all" in " ".join(said.split())
    assert "Trainer   run     unknown   first run" in said


def test_nothing_to_do_is_said():
    said = told(replace(PLAN, steps=[PlannedStep("Trainer", "cached")]))
    assert "every step is cached" in said
    assert "gate" not in said


@pytest.mark.parametrize(("state", "is_possible"), [("warn", True), ("fail", False)])
def test_run_that_finds_no_room_would_not_come_through(state, is_possible):
    plan = replace(PLAN, findings=[Finding("disk", state, "1 GB free")])
    assert plan.is_possible is is_possible
    assert plan_text.to_json(plan)["is_possible"] is is_possible
    assert ("A run would not come through" in told(plan)) is not is_possible


def test_long_list_of_reasons_is_cut():
    reasons = [Reason(f"reason {number}") for number in range(5)]
    step = PlannedStep("Trainer", "runs", reasons)
    assert "reason 2, and 2 more" in told(replace(PLAN, steps=[step]))
