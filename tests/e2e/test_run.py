"""One run after another in one work directory: what runs, what is cached, what is pushed."""

import json
import math
import shutil
from pathlib import Path

import pytest
from PIL import Image

import pipeline

pytestmark = pytest.mark.e2e

STEPS = [
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "DataGate",
    "FrozenFeatures",
    "Transform",
    "Trainer",
    "BlessedModel",
    "Evaluator",
    "ServingGate",
    "Pusher",
]
DATA_CHECKS = [
    "schema_anomalies",
    "changed_classes",
    "quarantined_share",
    "images_per_class",
    "class_imbalance",
    "duplicates_across_splits",
    "near_duplicates_across_splits",
    "mix_drift",
    "property_drift",
    "mix_skew",
    "property_skew",
]
CHATTER = ("tensorflow", "absl", "WARNING:", "Warning:", "oneDNN", "cuda", "INFO", "\x1b", "\r")


@pytest.fixture(scope="module")
def place(tmp_path_factory, split_images):
    """A folder with the data, which the runs below change, and with the work directory."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(split_images, folder / "data")
    return folder


@pytest.fixture(scope="module")
def features_of():
    """Id of a run -> rows of its features, and how many of them were computed for it."""
    return {}


@pytest.fixture(scope="module")
def planned():
    """Id of a run -> step -> what a plan said beforehand of it."""
    return {}


@pytest.fixture(scope="module")
def plan_here(frostline, place, made_weights):
    def plan(**options):
        """What `frostline plan` says of each step; it leaves the work directory as it is."""
        before = _files(place / "w")
        ended = frostline.run(
            command="plan",
            arguments=["--json"],
            data=place / "data",
            work_dir=place / "w",
            weights=made_weights,
            **options,
        )
        assert ended.exit_code == 0, ended.stderr
        assert _files(place / "w") == before
        return {step["name"]: step["state"] for step in json.loads(ended.stdout)["steps"]}

    return plan


def _files(folder):
    return {
        path: path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*")) if path.exists()
    }


@pytest.fixture(scope="module")
def run_here(frostline, place, made_weights, features_of, plan_here, planned):
    def run(*, is_planned=False, **options):
        plan = plan_here(**options) if is_planned else None
        ended = frostline.run(
            data=place / "data", work_dir=place / "w", weights=made_weights, **options
        )
        sets = (place / "w" / "artifacts" / "FrozenFeatures" / "frozen").iterdir()
        latest = max(sets, key=lambda folder: int(folder.name))
        account = json.loads((latest / "index.json").read_text())["account"]
        features_of[ended.summary["run_id"]] = account["rows"], account["computed"]
        planned[ended.summary["run_id"]] = plan
        return ended

    return run


@pytest.fixture(scope="module")
def first(run_here):
    return run_here(is_planned=True)


@pytest.fixture(scope="module")
def again(first, run_here):
    return run_here(is_planned=True)


@pytest.fixture(scope="module")
def after_loss(again, run_here):
    """A run after the pushed version was deleted."""
    shutil.rmtree(again.summary["pushed"]["path"])
    return run_here()


@pytest.fixture(scope="module")
def with_new_image(after_loss, place, run_here):
    source = place / "data" / "train" / "cold" / "27.png"
    with Image.open(source) as image:
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(source.with_name("new.png"))
    return run_here(is_planned=True)


@pytest.fixture(scope="module")
def with_new_code(with_new_image, tmp_path_factory, run_here):
    """A run of a copy of the source in which one line of the trainer is another."""
    copy = tmp_path_factory.mktemp("source")
    for package in ("components", "pipeline", "trainer"):
        shutil.copytree(Path(pipeline.__file__).parents[1] / package, copy / package)
    with (copy / "trainer" / "model.py").open("a") as file:
        file.write("# another line\n")
    return run_here(environ={"PYTHONPATH": str(copy)})


@pytest.fixture(scope="module")
def with_old_code(with_new_code, run_here):
    return run_here(is_planned=True)


@pytest.fixture(scope="module")
def with_damage(with_old_code, run_here):
    """A run with another head after one byte of the stored features has changed."""
    path = max(
        with_old_code.work_dir.glob("features/*/*/pooled.bin"),
        key=lambda each: each.stat().st_mtime,
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    return run_here(settings={"model.dropout": 0.1}, is_planned=True)


@pytest.fixture(scope="module")
def untrained(frostline, split_images, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("untrained") / "w"
    return frostline.run(data=split_images, work_dir=work_dir, weights="random")


@pytest.fixture(scope="module")
def refused(untrained, frostline, split_images):
    return frostline.run(
        data=split_images,
        work_dir=untrained.work_dir,
        weights="random",
        settings={"evaluate.thresholds.log_loss.max": 1e-9},
    )


@pytest.fixture(scope="module")
def predictions(first, frostline, place):
    ended = frostline("predict", "--model", place / "w", place / "data" / "validation")
    assert ended.exit_code == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_first_run_takes_every_step_and_pushes(first):
    assert first.exit_code == 0, first.stdout + first.stderr
    assert first.states == dict.fromkeys(STEPS, "ran")
    assert first.summary["status"] == "pushed"
    assert first.versions == [first.summary["pushed"]["version"]]


def test_summary_tells_the_whole_run(first):
    summary = first.summary
    assert summary["command"][:2] == ["frostline", "run"]
    assert summary["run_id"] == (first.work_dir / "latest").resolve().name
    assert summary["error"] is None
    assert {"frostline", "tfx", "tensorflow", "python"} <= set(summary["versions"])
    assert all(step["seconds"] > 0 for step in summary["steps"])
    assert summary["seconds"] >= sum(step["seconds"] for step in summary["steps"])
    assert len(summary["training"]["epochs"]) == summary["config"]["train"]["epochs"]
    assert [gate["check"] for gate in summary["gates"] if gate["step"] != "ServingGate"] == [
        *DATA_CHECKS,
        "accuracy",
        "accuracy_by_class",
        "against_baseline",
        "trained_base",
    ]
    assert all(gate["passed"] and gate["sentence"] for gate in summary["gates"])
    assert set(summary["evaluation_by_class"]) == {"cold", "warm"}
    slices = summary["evaluation_by_slice"]
    assert set(slices) == {"brightness", "format", "sharpness", "size"}
    judged = summary["evaluation"]["example_count"]
    for by_word in slices.values():
        assert sum(metrics["example_count"] for metrics in by_word.values()) == judged
    assert summary["model"]["untrained"] is False


def test_broken_files_are_counted_and_set_aside(first):
    data = first.summary["data"]
    assert (data["read"], data["accepted"]) == (59, 56)
    assert data["quarantined"] == {"empty": 1, "not_an_image": 1, "undecodable": 1}
    assert data["accepted_by_split"] == {
        "train": {"cold": 20, "warm": 20},
        "eval": {"cold": 8, "warm": 8},
    }
    assert "56 of 59 files are images" in first.stdout


def test_curves_and_model_summary_are_kept_with_the_run(first):
    latest = first.work_dir / "latest"
    history = json.loads((latest / "history.json").read_text())
    assert history.items() <= first.summary["training"].items()
    assert (latest / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "inception_v3" in (latest / "model.txt").read_text()


def test_terminal_shows_plain_lines_without_chatter(first):
    assert not first.stderr
    assert not [word for word in CHATTER if word in first.stdout]
    said = [f"[{place}/{len(STEPS)}] {name}: ran" for place, name in enumerate(STEPS, 1)]
    assert [line for line in said if line in first.stdout] == said
    log = first.summary["log"]
    assert log in first.stdout.splitlines()[0]
    assert "Component Trainer is finished." in Path(log).read_text()


def test_pushed_model_scores_as_the_summary_says(first, predictions):
    evaluation = first.summary["evaluation"]
    truth = [Path(row["path"]).parent.name for row in predictions]
    right = [row["label"] == label for row, label in zip(predictions, truth, strict=True)]
    losses = [
        -math.log(row["scores"][label]) for row, label in zip(predictions, truth, strict=True)
    ]
    assert len(predictions) == evaluation["example_count"] == 16
    assert sum(right) / 16 == pytest.approx(evaluation["accuracy"], abs=1e-6)
    # TFMA keeps scores a ten-millionth away from 1.
    assert sum(losses) / 16 == pytest.approx(evaluation["log_loss"], rel=1e-4, abs=1e-6)


def test_evaluation_agrees_with_what_training_found_on_the_same_images(first):
    calibrated = first.summary["training"]["calibration"]["after"]
    log_loss = first.summary["evaluation"]["log_loss"]
    assert calibrated["log_loss"] == pytest.approx(log_loss, rel=1e-2, abs=1e-5)


def test_same_run_again_is_cached_and_pushes_nothing(first, again):
    assert again.exit_code == 0
    assert again.states == dict.fromkeys(STEPS, "cached")
    same = ("data", "training", "evaluation", "evaluation_by_class", "evaluation_by_slice")
    same += ("gates", "pushed", "status")
    assert {key: again.summary[key] for key in same} == {key: first.summary[key] for key in same}
    assert (again.work_dir / "latest" / "curves.png").exists()


def test_deleted_version_is_pushed_again(again, after_loss):
    assert after_loss.exit_code == 0
    assert after_loss.states == dict.fromkeys(STEPS, "cached") | {"Pusher": "ran"}
    assert after_loss.summary["pushed"]["version"] > again.summary["pushed"]["version"]
    assert after_loss.versions == [after_loss.summary["pushed"]["version"]]


def test_new_image_goes_through_every_step(after_loss, with_new_image):
    assert with_new_image.exit_code == 0
    assert with_new_image.states == dict.fromkeys(STEPS, "ran")
    assert with_new_image.summary["data"]["accepted"] == 57
    assert set(with_new_image.versions) > set(after_loss.versions)


def test_changed_code_trains_again(with_new_code):
    assert with_new_code.exit_code == 0
    assert with_new_code.states == dict.fromkeys(STEPS, "ran")


def test_model_of_before_is_pushed_again_after_another(with_new_code, with_old_code):
    """TF Serving takes the newest version, which would be the other model's."""
    assert with_old_code.exit_code == 0
    # Data and model are compared with the last accepted ones: those of the other code now.
    anew = dict.fromkeys(["DataGate", "BlessedModel", "Evaluator", "ServingGate", "Pusher"], "ran")
    assert with_old_code.states == dict.fromkeys(STEPS, "cached") | anew
    assert with_old_code.summary["pushed"]["version"] == max(with_old_code.versions)
    assert len(with_old_code.versions) == len(with_new_code.versions) + 1


@pytest.mark.parametrize(
    "name", ["first", "again", "with_new_image", "with_old_code", "with_damage"]
)
def test_plan_says_beforehand_which_steps_run_and_which_are_cached(name, request, planned):
    ended = request.getfixturevalue(name)
    states = {"runs": "ran", "cached": "cached"}
    plan = planned[ended.summary["run_id"]]
    assert {step: states[state] for step, state in plan.items()} == ended.states


def test_lineage_leads_from_the_pushed_model_back_to_data_weights_and_settings(
    first, frostline, place
):
    pushed, sha256 = first.summary["pushed"], first.summary["model"]["weights_sha256"]
    ended = frostline("lineage", pushed["version"], "--work-dir", place / "w", "--json")
    assert ended.exit_code == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["run"], found["folder"]) == (first.summary["run_id"], pushed["path"])
    assert (found["data"], found["weights_sha256"]) == (str(place / "data"), sha256)
    settings = {change["name"]: change["after"] for change in found["settings"]}
    assert {"train.epochs": 12, "image.size": 75}.items() <= settings.items()
    trainer = found["made"]["inputs"]["model"]
    assert (trainer["step"], trainer["is_there"]) == ("Trainer", True)
    assert set(trainer["inputs"]) == {"examples", "features", "transform_graph"}
    page = (place / "w" / "runs" / first.summary["run_id"] / "report.html").read_text()
    assert found["data_fingerprint"] in page
    assert f"Trainer {trainer['execution']}, " in page


def test_features_are_computed_once_for_each_image_and_view(first, features_of):
    assert features_of[first.summary["run_id"]] == (2 * 40 + 16, 2 * 40 + 16)


def test_new_image_costs_its_own_views_and_no_more(with_new_image, features_of):
    assert features_of[with_new_image.summary["run_id"]] == (2 * 41 + 16, 2)


def test_damaged_features_are_noticed_and_only_they_are_computed_again(with_damage, features_of):
    assert with_damage.exit_code == 0
    assert with_damage.states["Transform"] == "cached"
    assert with_damage.states["FrozenFeatures"] == "ran"
    assert features_of[with_damage.summary["run_id"]] == (2 * 41 + 16, 1)


def test_untrained_base_is_judged_but_not_pushed(untrained):
    assert untrained.exit_code == 3
    assert untrained.states == dict.fromkeys(STEPS[:-1], "ran")
    assert untrained.summary["status"] == "not_pushed"
    assert untrained.summary["model"]["untrained"] is True
    assert not untrained.versions
    assert "RANDOM weights" in untrained.stdout
    assert "--set push.untrained=true" in untrained.stdout


def test_missed_threshold_stops_the_push_and_says_so(refused):
    loss = refused.summary["evaluation"]["log_loss"]
    assert refused.exit_code == 3
    assert refused.summary["status"] == "not_blessed"
    assert refused.states["Trainer"] == "cached"
    assert refused.states["Evaluator"] == "ran"
    assert not refused.versions
    gate = next(gate for gate in refused.summary["gates"] if gate["check"] == "log_loss")
    assert (gate["value"], gate["bound"], gate["passed"]) == (loss, {"max": 1e-9}, False)
    assert " is not at most 1e-09: " in gate["sentence"]
    assert gate["sentence"] in refused.stdout
