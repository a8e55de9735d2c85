"""The graph has every step, in order, wired to what it must judge and push."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.acceptance import Terms
from pipeline.baseline import ModelTerms
from pipeline.config import Config
from pipeline.workdir import WorkDir

pytestmark = pytest.mark.graph

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
]


@pytest.fixture(scope="module")
def graph():
    from pipeline import graph

    return graph


@pytest.fixture(scope="module")
def sources():
    from pipeline.sources import Sources

    return Sources(
        data="data",
        span="",
        data_digest="data-1",
        judged_split="eval",
        weights=Path("weights.h5"),
        weights_sha256="weights-1",
        code_digest="code-1",
    )


@pytest.fixture(scope="module")
def judging():
    from pipeline.judging import Judging

    return Judging(schema_file=None, fingerprint="judging-1", terms=Terms("0000"))


@pytest.fixture
def created(graph, sources, judging, tmp_path):
    """Creates a pipeline and answers its steps by name."""

    def create(
        settings=None, *, push_request="0 vanished", judge=None, until_tuned=False, **changes
    ):
        pipeline = graph.create_pipeline(
            Config.model_validate(settings or {}),
            replace(sources, **changes),
            WorkDir(tmp_path),
            judging=replace(judging, **(judge or {})),
            push_request=push_request,
            until_tuned=until_tuned,
        )
        assert pipeline.enable_cache
        assert compiled(pipeline)
        return {step.id: step for step in pipeline.components}

    return create


def compiled(pipeline):
    """What TFX's runner executes: it refuses steps that lead to none."""
    from tfx.dsl.compiler.compiler import Compiler

    return Compiler().compile(pipeline)


def cache_key(step):
    return json.dumps(step.exec_properties, sort_keys=True, default=str)


def test_making_the_pipeline_writes_nothing(graph, sources, judging, tmp_path):
    graph.create_pipeline(
        Config(), sources, WorkDir(tmp_path / "state"), judging=judging, push_request="0 vanished"
    )
    assert not (tmp_path / "state").exists()


def test_every_step_is_there_in_order(created):
    assert list(created()) == [*STEPS, "Pusher"]


def test_nothing_is_transformed_before_the_data_gate_has_judged(created):
    steps = created()
    assert steps["DataGate"] in steps["Transform"].upstream_nodes


def test_nothing_is_frozen_before_the_data_gate_has_judged(created):
    steps = created()
    assert steps["DataGate"] in steps["FrozenFeatures"].upstream_nodes


def test_trainer_is_fed_frozen_features(created):
    steps = created()
    assert (
        steps["FrozenFeatures"].inputs["examples"] is steps["ImageExampleGen"].outputs["examples"]
    )
    assert steps["Trainer"].inputs["features"] is steps["FrozenFeatures"].outputs["frozen"]
    assert "features" not in steps["Trainer"].exec_properties


def test_nothing_is_frozen_where_the_base_runs_live(created):
    steps = created({"train": {"base": "live"}, "augment": {"enabled": True}})
    assert "FrozenFeatures" not in steps
    assert "features" not in steps["Trainer"].inputs


def test_tuner_is_there_only_where_it_is_wanted(created):
    assert "Tuner" not in created()
    assert "hyperparameters" not in created()["Trainer"].inputs
    steps = created({"tune": {"enabled": True}})
    assert list(steps) == [*STEPS[:7], "Tuner", *STEPS[7:], "Pusher"]
    assert steps["Tuner"].inputs["features"] is steps["FrozenFeatures"].outputs["frozen"]
    best = steps["Tuner"].outputs["best_hyperparameters"]
    assert steps["Trainer"].inputs["hyperparameters"] is best


def test_nothing_is_trained_or_pushed_where_the_run_ends_with_the_tuner(created):
    steps = created({"tune": {"enabled": True}}, until_tuned=True)
    assert list(steps) == [*STEPS[:7], "Tuner"]


def test_search_is_part_of_what_the_tuner_is_keyed_by_and_of_no_other_step(created):
    one, other = (created({"tune": {"enabled": True, "trials": trials}}) for trials in (3, 4))
    assert cache_key(one["Tuner"]) != cache_key(other["Tuner"])
    assert (
        cache_key(one["Trainer"]) == cache_key(other["Trainer"]) == cache_key(created()["Trainer"])
    )


@pytest.mark.parametrize(("base", "size"), [("cached", None), ("live", 150)])
def test_pixels_are_made_where_somebody_needs_them(created, base, size):
    steps = created({"image": {"size": 150}, "train": {"base": base}})
    config = json.loads(steps["Transform"].exec_properties["custom_config"])
    assert config["size"] == size


def test_features_are_kept_from_run_to_run(created, tmp_path):
    properties = created()["FrozenFeatures"].exec_properties
    assert properties["store"] == str(tmp_path / "features")


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        ("train", {"epochs": 3}),
        ("model", {"dropout": 0.4}),
        ("evaluate", {}),
        ("train", {"seed": 9}),
    ],
)
def test_another_head_does_not_change_what_features_are_keyed_by(created, section, keys):
    other = created({section: keys})["FrozenFeatures"]
    assert cache_key(other) == cache_key(created()["FrozenFeatures"])


def test_room_for_features_does_not_change_what_the_trainer_is_keyed_by(created):
    other = created({"features": {"max_gigabytes": 7}})
    assert cache_key(other["Trainer"]) == cache_key(created()["Trainer"])
    assert cache_key(other["FrozenFeatures"]) != cache_key(created()["FrozenFeatures"])


def test_data_gate_judges_by_what_came_before_it(created):
    steps = created()
    gate = steps["DataGate"]
    assert gate.inputs["examples"] is steps["ImageExampleGen"].outputs["examples"]
    assert gate.inputs["quarantined"] is steps["ImageExampleGen"].outputs["quarantined"]
    assert gate.inputs["statistics"] is steps["StatisticsGen"].outputs["statistics"]
    assert gate.inputs["anomalies"] is steps["ExampleValidator"].outputs["anomalies"]


def test_curated_schema_is_imported_and_not_inferred(created, tmp_path):
    curated = tmp_path / "schema.pbtxt"
    steps = created(judge={"schema_file": curated})
    assert "SchemaGen" not in steps
    assert steps["ImportSchemaGen"].exec_properties["schema_file"] == str(curated)
    schema = steps["ImportSchemaGen"].outputs["schema"]
    judges = ("ExampleValidator", "DataGate", "Transform")
    assert all(steps[name].inputs["schema"] is schema for name in judges)
    assert steps["DataGate"].exec_properties["is_curated"]
    assert not created()["DataGate"].exec_properties["is_curated"]


@pytest.mark.parametrize(("allowed", "last"), [(False, "ServingGate"), (True, "Pusher")])
def test_untrained_base_is_pushed_only_where_allowed(created, allowed, last):
    steps = created({"push": {"untrained": allowed}}, weights=None, weights_sha256="random")
    assert list(steps)[-1] == last


def test_pusher_pushes_only_what_the_evaluator_blessed(created):
    steps = created()
    blessing = steps["Evaluator"].outputs["blessing"]
    assert steps["Pusher"].inputs["model_blessing"] is blessing
    assert steps["Pusher"].inputs["model"] is steps["Trainer"].outputs["model"]


def test_pusher_pushes_only_what_the_serving_gate_blessed(created):
    steps = created()
    assert steps["Pusher"].inputs["infra_blessing"] is steps["ServingGate"].outputs["blessing"]


def test_serving_gate_judges_what_was_trained_against_the_blessed_model(created):
    steps = created(judged_split="test")
    gate = steps["ServingGate"]
    assert gate.inputs["model"] is steps["Trainer"].outputs["model"]
    assert gate.inputs["model_run"] is steps["Trainer"].outputs["model_run"]
    assert gate.inputs["baseline"] is steps["BlessedModel"].outputs["model"]
    assert gate.inputs["examples"] is steps["ImageExampleGen"].outputs["examples"]
    assert gate.exec_properties["judged_split"] == "test"


def test_another_bound_of_serving_judges_again_and_trains_nothing(created):
    usual, strict = created(), created({"serving_gate": {"max_load_seconds": 1.0}})
    assert cache_key(usual["ServingGate"]) != cache_key(strict["ServingGate"])
    for name in ("Trainer", "Evaluator"):
        assert cache_key(usual[name]) == cache_key(strict[name])


def test_evaluator_judges_raw_examples_of_the_wanted_split(created):
    steps = created(judged_split="test")
    assert steps["Evaluator"].inputs["examples"] is steps["ImageExampleGen"].outputs["examples"]
    assert json.loads(steps["Evaluator"].exec_properties["example_splits"]) == ["test"]


def test_image_statistics_are_on_and_know_which_feature_is_the_image(created):
    options = json.loads(created()["StatisticsGen"].exec_properties["stats_options_json"])
    assert options["enable_semantic_domain_stats"]
    [feature] = json.loads(options["schema_json"])["feature"]
    assert (feature["name"], feature["imageDomain"]) == ("image/encoded", {})


def test_evaluator_compares_with_the_blessed_model_that_the_pointer_leads_to(created, tmp_path):
    steps = created({"push": {"model_name": "pets"}})
    properties = steps["BlessedModel"].exec_properties
    assert properties["pointer"] == str(tmp_path / "blessed" / "pets.json")
    baseline = steps["BlessedModel"].outputs["model"]
    assert steps["Evaluator"].inputs["baseline_model"] is baseline


@pytest.mark.parametrize("terms", [{"fingerprint": "other"}, {"force_bless": "why"}])
def test_new_terms_change_what_the_model_is_judged_by_and_nothing_before_it(created, terms):
    one, other = created(), created(judge={"model": ModelTerms(**terms)})
    changed = {name for name in one if cache_key(one[name]) != cache_key(other[name])}
    assert changed == {"BlessedModel" if "fingerprint" in terms else "Evaluator"}


def test_bounds_are_part_of_what_the_evaluator_is_keyed_by(created):
    changed = {"evaluate": {"max_worsening": {"log_loss": 0.1}}}
    assert cache_key(created(changed)["Evaluator"]) != cache_key(created()["Evaluator"])


def test_new_data_changes_what_ingestion_is_keyed_by(created):
    keys = {cache_key(created(data_digest=digest)["ImageExampleGen"]) for digest in ("1", "2")}
    assert len(keys) == 2


def test_new_span_changes_what_ingestion_is_keyed_by(created):
    keys = {cache_key(created(span=span)["ImageExampleGen"]) for span in ("1..1", "1..2")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "judge", [{"fingerprint": "judging-2"}, {"terms": Terms("1")}, {"terms": Terms("0000", "fine")}]
)
def test_new_terms_change_what_the_data_gate_is_keyed_by(created, judge):
    assert cache_key(created(judge=judge)["DataGate"]) != cache_key(created()["DataGate"])


@pytest.mark.parametrize(
    "step",
    [
        *("ImageExampleGen", "Transform", "FrozenFeatures", "Tuner", "Trainer"),
        *("BlessedModel", "Evaluator"),
    ],
)
def test_new_code_changes_what_the_step_is_keyed_by(created, step):
    tuned = {"tune": {"enabled": True}}
    keys = {cache_key(created(tuned, code_digest=digest)[step]) for digest in ("1", "2")}
    assert len(keys) == 2


@pytest.mark.parametrize("step", ["FrozenFeatures", "Trainer"])
def test_new_weights_change_what_the_step_is_keyed_by(created, step):
    keys = {cache_key(created(weights_sha256=digest)[step]) for digest in ("1", "2")}
    assert len(keys) == 2


def test_threshold_does_not_change_what_the_trainer_is_keyed_by(created):
    bounds = ({"accuracy": {"min": bound}} for bound in (0.5, 0.6))
    created_steps = [created({"evaluate": {"thresholds": bound}}) for bound in bounds]
    assert len({cache_key(steps["Trainer"]) for steps in created_steps}) == 1
    assert len({cache_key(steps["Evaluator"]) for steps in created_steps}) == 2


def test_push_request_changes_what_the_pusher_is_keyed_by(created):
    keys = {cache_key(created(push_request=request)["Pusher"]) for request in ("0", "1")}
    assert len(keys) == 2


@pytest.mark.parametrize("runner", ["in_process", "multi_processing"])
def test_beams_runner_is_named(graph, runner):
    arguments = graph.beam_pipeline_args(Config.model_validate({"beam": {"runner": runner}}))
    assert "--runner=FnApiRunner" in arguments
    assert ("--direct_running_mode=multi_processing" in arguments) == (runner != "in_process")


def test_worker_count_is_handed_on(graph):
    settings = {"beam": {"runner": "multi_processing", "workers": 3}}
    assert "--direct_num_workers=3" in graph.beam_pipeline_args(Config.model_validate(settings))


def test_everything_is_kept_in_the_work_directory(graph, sources, judging, tmp_path):
    pipeline = graph.create_pipeline(
        Config(), sources, WorkDir(tmp_path), judging=judging, push_request=""
    )
    database = pipeline.metadata_connection_config.sqlite.filename_uri
    assert Path(pipeline.pipeline_info.pipeline_root).is_relative_to(tmp_path)
    assert Path(database).is_relative_to(tmp_path)
