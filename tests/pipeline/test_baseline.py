"""What a model is compared with stays the same as long as it is the same model that is served."""

import json

import pytest

from components import blessed
from components.blessed import Blessed
from pipeline import baseline
from pipeline.baseline import ModelTerms

pytestmark = pytest.mark.graph


@pytest.fixture
def terms(work_dir):
    def settled(made_from, *, settings="{}", reason=""):
        return baseline.terms(
            work_dir, model_name="m", made_from=made_from, settings=settings, force_bless=reason
        )

    return settled


@pytest.fixture
def push(work_dir, recorder, terms):
    """Records a run that pushes a model; answers the terms that it was judged on."""

    def run(made_from, version, *, reason=""):
        judged = terms(made_from, reason=reason)
        folder = work_dir.serving / "m" / version
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        context = recorder.run(version)
        recorder.step(context, pointer="p", fingerprint=judged.fingerprint)
        recorder.step(context, settings="{}", force_bless=judged.force_bless)
        request = json.dumps({"push_request": f"{made_from} after none"})
        pushed = {"pushed": 1, "pushed_destination": str(folder), "pushed_version": version}
        recorder.output(context, "PushedModel", "p", **pushed, custom_config=request)
        pointer = Blessed(int(version), str(folder), judged="d", metrics={})
        blessed.write(str(work_dir.blessed("m")), pointer)
        return judged

    return run


def test_before_the_first_push_there_is_nothing_to_compare_with(terms):
    assert terms("a") == ModelTerms("none", "")
    assert terms("a", reason="why").force_bless == "why"


def test_model_that_is_served_is_judged_on_the_same_terms_again(push, terms):
    first = push("a", "1")
    assert terms("a") == first


def test_other_model_is_compared_with_the_one_that_is_served(push, terms):
    first = push("a", "1")
    second = terms("b")
    assert second.fingerprint != first.fingerprint
    assert push("b", "2") == second == terms("b")
    assert terms("a").fingerprint not in (first.fingerprint, second.fingerprint)


def test_reason_holds_for_the_same_model_and_bounds_and_no_others(push, terms):
    push("a", "1", reason="why")
    assert terms("a").force_bless == "why"
    assert terms("a", reason="better").force_bless == "better"
    assert terms("a", settings='{"other": 1}').force_bless == ""
    assert terms("b").force_bless == ""


def test_version_that_is_gone_changes_what_another_model_is_compared_with(push, terms, work_dir):
    push("a", "1")
    before = terms("b")
    (work_dir.serving / "m" / "1" / "saved_model.pb").unlink()
    assert terms("b") != before


def test_card_tells_what_its_model_was_judged_on_where_nothing_else_does(terms, work_dir):
    told = {"made_from": "a", "fingerprint": "f", "settings": "{}", "force_bless": "why"}
    card = Blessed(1, str(work_dir.serving / "m" / "1"), judged="d", metrics={}, terms=told)
    blessed.write(str(work_dir.blessed("m")), card)
    assert terms("a") == ModelTerms("f", "why")
    assert terms("a", settings='{"other": 1}') == ModelTerms("f", "")
    assert terms("b").fingerprint != "f"
