"""The Evaluator step on a tiny model: what it blesses, what it refuses, and what it says of it."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tensorflow as tf

from components import blessed, gates, judged_images
from components.blessed import Blessed
from components.evaluate_settings import EvaluateSettings

pytestmark = pytest.mark.graph

# Score of `warm` that an image carries: the model answers it, or what a worse model makes of it.
COLD = [0.02, 0.1, 0.2, 0.3]
WARM = [0.98, 0.9, 0.8, 0.6]


class Model(tf.Module):
    """Reads the score of `warm` off an image; `shift` is added to it. `log` counts the images."""

    def __init__(self, shift, classes, log):
        super().__init__()
        self.shift = shift
        self.classes = classes
        self.log = f"file://{log}"

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        tf.print(tf.size(examples), output_stream=self.log)
        parsed = tf.io.parse_example(
            examples, {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
        )
        warm = tf.strings.to_number(parsed["image/encoded"]) + self.shift
        scores = tf.clip_by_value(tf.stack([1 - warm, warm], axis=1), 0.0, 1.0)
        classes = tf.constant(self.classes)
        return {
            "label": tf.gather(classes, tf.argmax(scores, axis=1)),
            "score": tf.reduce_max(scores, axis=1),
            "scores": scores,
            "classes": tf.repeat(classes[None], tf.shape(scores)[0], axis=0),
        }


def example(label, score, number):
    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    feature = {
        "image/encoded": text(str(score)),
        "image/sha256": text(f"{label}-{number}"),
        "image/filename": text(f"{label}/{number} é.png"),
        "image/class/text": text(label),
        "image/format": text("PNG"),
        "image/brightness/bucket": text("dark" if number == 3 else "medium"),
        "image/sharpness/bucket": text("sharp"),
        "image/size/bucket": text("small"),
    }
    if number < 3:  # The others belong to nobody.
        feature["image/group"] = text(("007", "007", "é b")[number])
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture(scope="module")
def step():
    from components import evaluator_step

    return evaluator_step


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Saves a model, once for each shift of its scores; answers its artifact's folder."""
    made = {}

    def save(shift, classes=("cold", "warm")):
        key = (shift, classes)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("model")
            model = Model(shift, list(classes), made[key] / "served.log")
            signatures = {"serving_examples": model.serve}
            tf.saved_model.save(model, str(made[key] / "Format-Serving"), signatures)
        return made[key]

    return save


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The folder of an Examples artifact with a split `eval` of eight images."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "Split-eval").mkdir()
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    path = folder / "Split-eval" / "data_tfrecord-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for label, scores in (("cold", COLD), ("warm", WARM)):
            for number, score in enumerate(scores):
                writer.write(example(label, score, number))
    return folder


@dataclass(frozen=True)
class Judged:
    """What an evaluation has left."""

    folder: Path
    is_blessed: bool
    properties: dict
    verdict: gates.Verdict
    evaluation: dict
    images: list
    tfma_agrees: bool

    @property
    def sentences(self):
        return {check.check: check.sentence for check in self.verdict.checks}

    @property
    def failed(self):
        return [check.check for check in self.verdict.failed]


@pytest.fixture
def evaluate(step, models, examples, tmp_path):
    """Runs TFX's executor on a model, and on a blessed one if there is one."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import artifact_utils, standard_artifacts

    def artifact(kind, folder):
        made = kind()
        made.uri = str(folder)
        return made

    def run(settings, *, shift=0.0, baseline=None, reason="", name="1"):
        given = artifact(standard_artifacts.Examples, examples)
        given.split_names = artifact_utils.encode_split_names(["eval"])
        former = tmp_path / name / "former"
        former.mkdir(parents=True)
        if baseline is None:
            (former / "absence.txt").write_text("There is no blessed model yet.")
        else:
            blessed.write(str(former / "blessed.json"), baseline)
            (former / "Format-Serving").symlink_to(Path(baseline.model) / "Format-Serving")
        inputs = {
            "examples": [given],
            "model": [artifact(standard_artifacts.Model, models(shift))],
            "baseline_model": [artifact(standard_artifacts.Model, former)],
        }
        blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / name / "blessing")
        written = artifact(standard_artifacts.ModelEvaluation, tmp_path / name / "evaluation")
        properties = {
            "settings": EvaluateSettings.model_validate(settings).model_dump_json(),
            "force_bless": reason,
            "code": "1",
            "example_splits": '["eval"]',
        }
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=["--runner=FnApiRunner"], tmp_dir=str(tmp_path), unique_id="1"
        )
        outputs = {"blessing": [blessing], "evaluation": [written]}
        step.EvaluatorExecutor(context).Do(inputs, outputs, properties)
        return judged(Path(blessing.uri), blessing, written)

    return run


def judged(folder, blessing, written):
    import tensorflow_model_analysis as tfma

    verdict = gates.read(folder)
    return Judged(
        folder=folder,
        is_blessed=(folder / "BLESSED").exists() and not (folder / "NOT_BLESSED").exists(),
        properties={
            "blessed": blessing.get_int_custom_property("blessed"),
            "force_bless": blessing.get_string_custom_property("force_bless"),
        },
        verdict=verdict,
        evaluation=json.loads((folder / "evaluation.json").read_text()),
        images=judged_images.read(Path(written.uri) / "predictions.jsonl"),
        tfma_agrees=tfma.load_validation_result(written.uri).validation_ok == (not verdict.failed),
    )


@pytest.fixture(scope="module")
def blessing_of(models):
    """A pointer to a model that was blessed on other images than these."""

    def point(shift, classes=("cold", "warm"), **changes):
        before = Blessed(version=7, model=str(models(shift, classes)), judged="others", metrics={})
        return replace(before, **changes)

    return point


LOOSE = {
    "thresholds": {"accuracy": {"min": 0.5}},
    "by_class": {},
    "min_images_per_slice": 2,
}


def test_first_model_is_blessed_and_told_to_have_no_baseline(evaluate):
    first = evaluate(LOOSE)
    assert first.is_blessed
    assert first.tfma_agrees
    assert first.properties == {"blessed": 1, "force_bless": ""}
    assert first.verdict.baseline == ""
    assert first.sentences["against_baseline"].startswith("There is no blessed model yet.")
    assert first.evaluation["baseline"] is None


def test_groups_with_enough_images_are_judged_by_themselves(evaluate):
    # Of each class the first two images are in group 007, which the model gets right.
    strict = {"accuracy": {"min": 0.8}}
    settings = {**LOOSE, "by_group": strict, "min_images_per_slice": 3}
    passed = evaluate(settings, shift=0.25, name="enough")
    assert passed.tfma_agrees
    assert passed.is_blessed
    assert passed.evaluation["metrics"]["image/group:007"]["accuracy"] == 1.0
    # That of two images is too small, and not even told of.
    assert "image/group:é b" not in passed.evaluation["metrics"]
    assert "é b (2)" in passed.sentences["accuracy_by_group"]
    refused = evaluate({**settings, "min_images_per_slice": 2}, shift=0.35, name="small")
    assert refused.tfma_agrees
    assert refused.failed == ["accuracy_by_group"]
    assert "é b" in refused.sentences["accuracy_by_group"]
    worse = evaluate({**settings, "by_class": {}}, shift=0.45, name="worse")
    assert worse.tfma_agrees
    assert "007" in worse.sentences["accuracy_by_group"]
    assert worse.failed == ["accuracy_by_group"]
    none = evaluate({**settings, "min_images_per_slice": 5}, name="none")
    assert not [key for key in none.evaluation["metrics"] if "image/group" in key]


def test_metrics_are_those_of_the_whole_and_of_each_slice(evaluate):
    found = evaluate(LOOSE, shift=0.25).evaluation
    # 0.3 has become 0.55: one cold image is served as warm.
    whole, slices = found["metrics"][""], found["metrics"]
    assert whole["accuracy"] == 7 / 8
    assert whole["recall"] == pytest.approx((3 / 4 + 1) / 2)
    assert whole["precision"] == pytest.approx((1 + 4 / 5) / 2)
    assert whole["auc"] == 1
    assert whole["example_count"] == 8
    scores = [1 - score - 0.25 for score in COLD] + [min(score + 0.25, 1) for score in WARM]
    expected = -sum(math.log(min(score, 1 - 1e-7)) for score in scores) / 8
    assert whole["log_loss"] == pytest.approx(expected, rel=1e-5)
    assert found["confusion"] == {"cold": {"cold": 3, "warm": 1}, "warm": {"warm": 4}}
    assert slices["image/brightness/bucket:dark"]["accuracy"] == 0.5
    # Those of a class are against the other one, of which its own slice has no image.
    assert slices["image/class/text:warm"]["precision"] == 4 / 5
    assert slices["image/class/text:cold"]["recall"] == 3 / 4
    assert slices["image/class/text:cold"]["auc"] == 1


def test_what_was_served_is_kept_for_each_image_without_serving_it_again(evaluate, models):
    log = models(0.125) / "served.log"
    found = evaluate(LOOSE, shift=0.125)
    assert sum(map(int, log.read_text().split())) == 8
    by_path = {image.path: image for image in found.images}
    assert len(by_path) == 8
    image = by_path["cold/3 é.png"]
    assert (image.sha256, image.truth, image.label) == ("cold-3", "cold", "cold")
    # float32's nearest, in no more digits than tell it apart.
    assert image.scores == {"cold": 0.575, "warm": 0.425}
    assert image.score == 0.575


def test_of_two_models_the_answers_of_the_new_one_are_kept(evaluate, blessing_of):
    found = evaluate(LOOSE, shift=0.25, baseline=blessing_of(0.0))
    assert found.evaluation["baseline"]
    [mistake] = [image for image in found.images if not image.is_right]
    assert (mistake.path, mistake.scores["warm"]) == ("cold/3 é.png", 0.55)


def test_missed_threshold_withholds_the_blessing(evaluate):
    refused = evaluate({**LOOSE, "thresholds": {"accuracy": {"min": 0.9}}}, shift=0.25)
    assert not refused.is_blessed
    assert refused.tfma_agrees
    assert refused.properties["blessed"] == 0
    assert refused.failed == ["accuracy"]
    assert refused.sentences["accuracy"] == "Accuracy 0.8750 is not at least 0.9: 0.0250 too low."


def test_poor_slice_withholds_the_blessing(evaluate):
    refused = evaluate({**LOOSE, "by_brightness": {"accuracy": {"min": 0.6}}}, shift=0.25)
    assert not refused.is_blessed
    assert refused.tfma_agrees
    assert refused.failed == ["accuracy_by_brightness"]
    assert "dark with 0.5000 of 2 images, 0.1000 too low" in refused.sentences[refused.failed[0]]


def test_poor_slice_of_few_images_refuses_nothing(evaluate):
    settings = {"by_brightness": {"accuracy": {"min": 0.6}}, "min_images_per_slice": 3}
    passed = evaluate({**LOOSE, **settings}, shift=0.25)
    assert passed.is_blessed
    assert passed.tfma_agrees
    assert "dark (2)" in passed.sentences["accuracy_by_brightness"]


def test_model_worse_than_the_blessed_one_is_refused_on_the_same_data(evaluate, blessing_of):
    settings = {**LOOSE, "max_worsening": {"accuracy": 0.2}}
    refused = evaluate(settings, shift=0.45, baseline=blessing_of(0.0))
    assert not refused.is_blessed
    assert refused.tfma_agrees
    assert refused.verdict.baseline == "7"
    assert refused.failed == ["accuracy_against_baseline"]
    assert refused.sentences["accuracy_against_baseline"] == (
        "Accuracy 0.6250 is 0.3750 below version 7's 1.0000 on the same data; at most 0.2000 below "
        "is accepted."
    )
    assert refused.evaluation["baseline"]["metrics"]["accuracy"] == 1
    assert refused.evaluation["metrics"][""]["accuracy"] == 5 / 8


def test_one_image_is_not_held_against_a_model(evaluate, blessing_of):
    passed = evaluate(LOOSE, shift=0.25, baseline=blessing_of(0.0))
    assert passed.is_blessed
    assert passed.tfma_agrees
    assert "0.1250 (one image) below is accepted" in passed.sentences["accuracy_against_baseline"]


@pytest.mark.parametrize(("limit", "is_blessed"), [(0.01, False), (10.0, True)])
def test_higher_log_loss_than_the_blessed_model_has_is_worse(
    evaluate, blessing_of, limit, is_blessed
):
    settings = {**LOOSE, "max_worsening": {"log_loss": limit}}
    found = evaluate(settings, shift=0.25, baseline=blessing_of(0.0))
    assert found.is_blessed is is_blessed
    assert found.tfma_agrees
    assert "above version 7's" in found.sentences["log_loss_against_baseline"]


def test_blessed_model_that_never_saw_a_class_is_compared_all_the_same(evaluate, blessing_of):
    found = evaluate(LOOSE, baseline=blessing_of(0.0, ("cold", "tepid")))
    assert found.is_blessed
    assert found.tfma_agrees
    assert "0.5000 above version 7's 0.5000" in found.sentences["accuracy_against_baseline"]


@pytest.fixture
def stored(evaluate, blessing_of):
    """A pointer to a model that was judged on these very images, and whose files are broken."""
    before = evaluate(LOOSE, name="before").evaluation
    return blessing_of(0.0, model="/nowhere", judged=before["judged"], metrics=before["metrics"])


@pytest.mark.parametrize(("limit", "is_blessed"), [(0.2, False), (0.375, True)])
def test_metrics_of_the_same_data_are_taken_and_nothing_is_evaluated_twice(
    evaluate, stored, limit, is_blessed
):
    settings = {**LOOSE, "max_worsening": {"accuracy": limit}}
    found = evaluate(settings, shift=0.45, baseline=stored)
    assert found.is_blessed is is_blessed
    assert found.tfma_agrees
    assert "0.3750 below version 7's 1.0000" in found.sentences["accuracy_against_baseline"]


def test_where_no_metric_is_compared_the_blessed_model_is_not_evaluated(evaluate, blessing_of):
    settings = {**LOOSE, "max_worsening": {"accuracy": None}}
    found = evaluate(settings, baseline=blessing_of(0.0, model="/nowhere"))
    assert found.is_blessed
    assert [check.check for check in found.verdict.checks] == ["accuracy"]
    assert found.evaluation["baseline"] is None


def test_reason_forces_the_blessing_and_is_kept_with_it(evaluate):
    settings = {**LOOSE, "thresholds": {"accuracy": {"min": 0.9}}}
    forced = evaluate(settings, shift=0.25, reason="needed for the demo")
    assert forced.is_blessed
    assert forced.properties == {"blessed": 1, "force_bless": "needed for the demo"}
    assert forced.verdict.accept_reason == "needed for the demo"
    assert forced.failed == ["accuracy"]


def test_reason_that_nothing_needs_is_not_kept(evaluate):
    passed = evaluate(LOOSE, reason="needed for the demo")
    assert passed.is_blessed
    assert passed.verdict.accept_reason == passed.properties["force_bless"] == ""
