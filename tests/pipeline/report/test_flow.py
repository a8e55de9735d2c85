"""The steps as a graph: only edges that say something, and bars one after the other."""

from pipeline.report import flow
from pipeline.steps import Step


def steps(**upstream):
    return [Step(name, "ran", 1.0, fed_by) for name, fed_by in upstream.items()]


def feeds(laid_out):
    return {row.step.name: list(row.feeds_on) for row in laid_out.rows}


def test_edge_that_another_path_covers_is_left_out():
    assert feeds(flow.of(steps(a=[], b=["a"], c=["a", "b"]))) == {"a": [], "b": ["a"], "c": ["b"]}


def test_longer_path_covers_an_edge_too():
    laid_out = flow.of(steps(a=[], b=["a"], c=["b"], d=["a", "c"]))
    assert feeds(laid_out)["d"] == ["c"]


def test_branches_are_kept_and_go_around_what_lies_between():
    laid_out = flow.of(steps(a=[], b=["a"], c=["a"], d=["b", "c"]))
    assert feeds(laid_out) == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    straight = [edge for edge in laid_out.edges if "V" in edge]
    assert len(straight) == 2
    assert len(laid_out.edges) == 4


def test_run_of_an_earlier_version_is_a_chain():
    assert feeds(flow.of(steps(a=[], b=[], c=[]))) == {"a": [], "b": ["a"], "c": ["b"]}


def test_step_that_is_not_there_is_no_edge():
    assert flow.of(steps(a=[], b=["gone", "a"])).edges == flow.of(steps(a=[], b=["a"])).edges


def test_bars_follow_each_other_and_fill_the_time():
    laid_out = flow.of([Step("a", "ran", 1.0), Step("b", "ran", 3.0), Step("c", "skipped")])
    assert [(row.start, row.length) for row in laid_out.rows] == [(0, 25), (25, 75), (100, 0)]


def test_run_in_which_nothing_began_has_bars_of_no_length():
    assert [row.length for row in flow.of([Step("a"), Step("b")]).rows] == [0, 0]
