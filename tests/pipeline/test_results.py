"""What is read from ML Metadata is the latest run's; what was never finished is swept away."""

import json

import pytest

from components import gates, quarantine, releases
from components.gates import Gate, Verdict
from components.quarantine import IngestionCounts

pytestmark = pytest.mark.graph


@pytest.fixture(scope="module")
def results():
    from pipeline import results

    return results


def test_before_the_first_run_each_question_is_answered_none(results, work_dir):
    found = results.Results(work_dir)
    assert [found.counts(), found.training(), found.evaluation(), found.pushed()] == [None] * 4
    assert found.model_verdict() is None
    assert not found.is_blessed()


@pytest.mark.parametrize("blessed", [0, 1])
def test_blessing_is_the_evaluators(results, work_dir, recorder, blessed):
    recorder.output(recorder.run("1"), "ModelBlessing", "b", blessed=blessed)
    assert results.Results(work_dir).is_blessed() == bool(blessed)


def test_latest_run_is_read_and_not_the_one_before(results, work_dir, recorder):
    recorder.output(recorder.run("1"), "ModelBlessing", "b", blessed=1)
    recorder.output(recorder.run("2"), "PushedModel", "p", pushed=0)
    found = results.Results(work_dir)
    assert not found.is_blessed()
    assert found.pushed() is None


def test_cached_artifact_counts_as_the_latest_runs(results, work_dir, recorder):
    blessing = recorder.output(recorder.run("1"), "ModelBlessing", "b", blessed=1)
    recorder.put_out(recorder.run("2"), recorder.execution("CACHED"), blessing)
    assert results.Results(work_dir).is_blessed()


def test_pushed_model_is_named_with_its_version(results, work_dir, recorder):
    folder = work_dir.serving / "m" / "7"
    folder.mkdir(parents=True)
    recorder.push(folder, "a")
    pushed = results.Results(work_dir).pushed()
    assert (pushed.path, pushed.version) == (str(folder), "7")


def test_trials_of_a_search_are_read_from_their_file(results, work_dir, recorder, tmp_path):
    assert results.Results(work_dir).tuning() is None
    (tmp_path / "trials.json").write_text('{"objective": "val_loss", "trials": []}')
    recorder.output(recorder.run("1"), "TunerResults", tmp_path)
    assert results.Results(work_dir).tuning() == {"objective": "val_loss", "trials": []}


def test_counts_and_curves_are_read_from_their_files(results, work_dir, recorder, tmp_path):
    counts = IngestionCounts(3, 2, {"train": {"cold": 2}}, {"empty": 1})
    quarantine.write(tmp_path / "q", counts, [])
    (tmp_path / "history.json").write_text('{"best_epoch": 1, "epochs": []}')
    run = recorder.run("1")
    recorder.output(run, "Quarantine", tmp_path / "q")
    recorder.output(run, "ModelRun", tmp_path)
    found = results.Results(work_dir)
    assert found.counts() == counts
    assert found.training() == {"best_epoch": 1, "epochs": [], "calibration": None}


def test_predictions_are_those_of_an_evaluation_that_came_to_an_end(
    results, work_dir, recorder, tmp_path
):
    run = recorder.run("1")
    recorder.output(run, "ModelEvaluation", tmp_path)
    recorder.output(run, "ModelBlessing", tmp_path / "b", blessed=0)
    (tmp_path / "predictions.jsonl").touch()
    assert results.Results(work_dir).predictions() is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / gates.VERDICT_FILE).touch()
    assert results.Results(work_dir).predictions() == tmp_path / "predictions.jsonl"
    (tmp_path / "predictions.jsonl").unlink()
    assert results.Results(work_dir).predictions() is None


def test_calibration_is_read_beside_the_curves(results, work_dir, recorder, tmp_path):
    (tmp_path / "history.json").write_text('{"best_epoch": 1, "epochs": []}')
    (tmp_path / "calibration.json").write_text('{"temperature": 0.5}')
    recorder.output(recorder.run("1"), "ModelRun", tmp_path)
    assert results.Results(work_dir).training()["calibration"] == {"temperature": 0.5}


def test_evaluation_and_verdict_are_read_beside_the_blessing(results, work_dir, recorder, tmp_path):
    from components import evaluations
    from components.evaluations import Evaluation
    from components.model_checks import Baseline

    recorder.output(recorder.run("1"), "ModelBlessing", tmp_path, blessed=1)
    # An Evaluator that was interrupted has written neither.
    assert results.Results(work_dir).evaluation() is None
    evaluation = Evaluation("d", {"": {"accuracy": 0.9}}, {}, Baseline(7, {"accuracy": 0.8}))
    verdict = Verdict([Gate("accuracy", 0.9, {"min": 0.8}, True, "Good.", [])], "7", "why")
    evaluations.write(str(tmp_path), evaluation)
    gates.write(tmp_path, verdict)
    assert results.Results(work_dir).evaluation() == evaluation
    assert results.Results(work_dir).model_verdict() == verdict


@pytest.fixture
def judged_push(recorder, work_dir):
    """Records a run that pushed a model to `folder`, with the terms that it was judged on."""

    def push(folder, request, **terms):
        run = recorder.run(folder)
        recorder.step(run, pointer="p", fingerprint=terms.get("fingerprint", "f"))
        recorder.step(run, settings="{}", force_bless=terms.get("force_bless", ""))
        destination = {"pushed_destination": str(work_dir.serving / "m" / folder)}
        config = json.dumps({"push_request": request})
        recorder.output(
            run,
            "PushedModel",
            "p",
            pushed=1,
            pushed_version="1",
            **destination,
            custom_config=config,
        )

    return push


def test_terms_of_a_push_are_those_of_its_run(results, work_dir, judged_push):
    judged_push("1", "a after none", fingerprint="first")
    judged_push("2", "b after 1", fingerprint="second", force_bless="why")
    found = results.terms_of_push(work_dir, work_dir.serving / "m" / "2", made_from="b")
    assert found == results.PushTerms("second", "{}", "why")


def test_push_of_another_model_has_no_terms_for_this_one(results, work_dir, judged_push):
    folder = work_dir.serving / "m" / "1"
    assert results.terms_of_push(work_dir, folder, made_from="a") is None
    judged_push("1", "b after none")
    assert results.terms_of_push(work_dir, folder, made_from="a") is None
    assert results.terms_of_push(work_dir, folder.with_name("2"), made_from="b") is None


def test_push_of_an_older_frostline_has_no_terms(results, work_dir, recorder):
    recorder.push(work_dir.serving / "m" / "1", "a after none")
    folder = work_dir.serving / "m" / "1"
    assert results.terms_of_push(work_dir, folder, made_from="a") is None


def test_step_that_never_finished_is_swept_away_and_others_are_kept(results, work_dir, recorder):
    folders = {}
    for state in ("COMPLETE", "RUNNING", "NEW", "CACHED", "FAILED"):
        folders[state] = work_dir.artifacts / "Trainer" / "model" / str(recorder.execution(state))
        folders[state].mkdir(parents=True)
    results.sweep(work_dir)
    kept = [state for state, folder in folders.items() if folder.exists()]
    assert kept == ["COMPLETE", "CACHED", "FAILED"]


def test_half_written_version_is_swept_away_and_a_whole_one_is_kept(results, work_dir):
    for version in ("1", "2"):
        (work_dir.serving / "m" / version / "variables").mkdir(parents=True)
    (work_dir.serving / "m" / "1" / "saved_model.pb").touch()
    results.sweep(work_dir)
    assert [path.name for path in (work_dir.serving / "m").iterdir()] == ["1"]


@pytest.fixture
def push(results, work_dir, recorder):
    """Pushes a version as a run does, if it has not yet been asked for; answers its folder."""
    done = {}

    def pushed(made_from):
        request = results.push_request(work_dir, model_name="m", made_from=made_from)
        if request not in done:
            done[request] = work_dir.serving / "m" / str(len(done) + 1)
            done[request].mkdir(parents=True)
            recorder.push(done[request], request)
        return done[request]

    return pushed


def test_same_model_is_pushed_once(push):
    assert push("a").name == push("a").name == "1"


def test_other_model_is_pushed(push):
    assert [push(model).name for model in "ab"] == ["1", "2"]


def test_model_that_comes_back_is_pushed_again_after_the_other(push):
    assert [push(model).name for model in "abaabba"] == ["1", "2", "3", "3", "4", "4", "5"]


def test_version_that_vanished_is_pushed_again(push):
    push("a").rmdir()
    assert [push(model).name for model in "aa"] == ["2", "2"]


def test_pushes_under_another_name_do_not_count(results, work_dir, push):
    before = results.push_request(work_dir, model_name="other", made_from="a")
    push("b")
    assert results.push_request(work_dir, model_name="other", made_from="a") == before


def test_version_that_a_person_withdrew_does_not_come_back_by_itself(push, work_dir):
    (push("a") / "saved_model.pb").touch()
    (push("b") / "saved_model.pb").touch()
    releases.withdraw(work_dir.serving / "m", 2)
    assert [push(model).name for model in "ab"] == ["1", "2"]


def test_model_that_was_withdrawn_is_told_apart_from_one_that_is_served(
    results, work_dir, recorder
):
    folder = work_dir.serving / "m" / "7"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    assert not results.Results(work_dir).is_withdrawn()
    recorder.push(folder, "a")
    assert not results.Results(work_dir).is_withdrawn()
    releases.withdraw(folder.parent, 7)
    found = results.Results(work_dir)
    assert (found.pushed(), found.is_withdrawn()) == (None, True)


def test_what_a_killed_push_left_is_swept_away_and_withdrawn_versions_stay(results, work_dir):
    base = work_dir.serving / "m"
    (base / "1").mkdir(parents=True)
    (base / "1" / "saved_model.pb").touch()
    releases.withdraw(base, 1)
    (base / ".incoming-2").mkdir()
    results.sweep(work_dir)
    assert sorted(path.name for path in base.iterdir()) == [".withdrawn"]
    assert releases.withdrawn(base) == [1]


def test_versions_that_made_room_are_not_pushed_again(push, work_dir):
    for model in "abcdef":
        folder = push(model)
        (folder / "saved_model.pb").touch()
        releases.prune(str(folder.parent), keep=2)
    assert [push("f").name for _ in range(3)] == ["6", "6", "6"]


def test_withdrawn_version_that_made_room_does_not_come_back_either(push, work_dir):
    base = work_dir.serving / "m"
    for model in "abc":
        (push(model) / "saved_model.pb").touch()
    for version in (3, 2):
        releases.withdraw(base, version)
    releases.prune(str(base), keep=1)
    assert releases.withdrawn(base) == [3]
    assert push("b").name == "2"


def test_refusal_of_the_serving_gate_is_forgotten_and_a_blessing_is_kept(results, work_dir):
    folders = work_dir.artifacts / "ServingGate" / "blessing"
    for number, mark in (("1", "INFRA_NOT_BLESSED"), ("2", "INFRA_BLESSED")):
        (folders / number).mkdir(parents=True)
        (folders / number / mark).touch()
    results.forget_refusals(work_dir)
    assert [folder.name for folder in folders.iterdir()] == ["2"]
