"""The cluster runs the local run's graph, with Prepare before it and Summary after it."""

import json
from pathlib import Path

import pytest

from pipeline.cluster import bindings
from pipeline.config import Config
from pipeline.preflight import Weights
from pipeline.workdir import WorkDir

pytestmark = pytest.mark.graph

STATE = "/mnt/state"


@pytest.fixture
def made():
    """Makes a cluster's pipeline of some settings."""
    from pipeline.cluster.pipeline import cluster_pipeline

    def make(settings=None, *, weights=None, **arguments):
        settings = {"kubeflow": {"state": STATE}, "push": {"untrained": True}, **(settings or {})}
        return cluster_pipeline(
            Config.model_validate(settings),
            root="minio://bucket/root",
            data=arguments.pop("data", None),
            span=None,
            weights=weights or Weights(None, "random"),
            preset="default",
            command=["compile.py"],
            **arguments,
        )

    return make


def steps_of(cluster):
    return {step.id: step for step in cluster.pipeline.components}


def test_prepare_comes_first_and_summary_last(made):
    cluster = made()
    assert cluster.pipeline.components[0].id == "Prepare"
    assert cluster.exit_handler.id == "Summary"
    assert "Summary" not in steps_of(cluster)
    assert set(cluster.pod_arguments) == {*steps_of(cluster), "Summary"}


def test_every_cached_step_is_keyed_by_what_its_inputs_are_made_from(made):
    from pipeline.cluster.settings import NEVER_CACHED

    cluster = made({"tune": {"enabled": True}})
    keyed = {each.step for each in cluster.bindings if each.parameter == "made_from"}
    assert keyed == steps_of(cluster).keys() - NEVER_CACHED


def test_prepare_puts_out_whatever_is_bound_to_it(made):
    cluster = made()
    known = steps_of(cluster)["Prepare"].outputs.keys()
    assert {each.origin for each in cluster.bindings if each.producer == "Prepare"} <= known
    parameters = {each.origin for each in cluster.bindings if not each.producer}
    assert parameters <= cluster.parameter_defaults.keys()


def test_no_bound_parameter_takes_the_name_of_another(made):
    cluster = made({"tune": {"enabled": True}})
    for each in cluster.bindings:
        step = steps_of(cluster)[each.step]
        assert each.parameter not in {*step.exec_properties, *step.inputs, *step.outputs}


def test_every_bound_value_finds_its_place(made):
    cluster = made({"tune": {"enabled": True}})
    for each in cluster.bindings:
        step = steps_of(cluster)[each.step]
        value = 7 if each.kind == "NUMBER_INTEGER" else "bound"
        values = {**step.exec_properties, each.parameter: value}
        bindings.apply(each.arguments[1:], values)
        name = each.target.partition(":")[0]
        assert not name or str(value) in str(values[name])


def test_what_is_given_to_the_compiler_is_the_default_of_a_run(made):
    defaults = made(
        {"train": {"epochs": 5}}, data="gs://b/photos", accept_reason="fine"
    ).parameter_defaults
    assert defaults == {
        "data": "gs://b/photos",
        "span": "",
        "epochs": 5,
        "push_destination": "",
        "accept_data": "fine",
        "force_bless": "",
    }


def test_weights_are_told_to_the_pods_that_need_them(made, tmp_path):
    weights = Weights(tmp_path / "w.h5", "abc")
    cluster = made(weights=weights)
    told = {name for name, words in cluster.pod_arguments.items() if "--weights" in words}
    assert told == {"FrozenFeatures", "Trainer"}
    assert steps_of(cluster)["FrozenFeatures"].exec_properties["weights"] == str(weights.path)


def test_weights_in_a_bucket_are_a_file_of_the_pod(made, tmp_path):
    uri = "gs://bucket/w.h5"
    cluster = made(
        {"kubeflow": {"state": STATE, "weights": uri}}, weights=Weights(tmp_path / "w.h5", "abc")
    )
    assert uri in cluster.pod_arguments["Trainer"]
    steps = steps_of(cluster)
    place = steps["FrozenFeatures"].exec_properties["weights"]
    assert Path(place).is_absolute()
    config = json.loads(steps["Trainer"].exec_properties["custom_config"])
    assert config["weights"] == place


def test_name_of_the_model_is_made_a_name_for_kubeflow(made):
    cluster = made({"push": {"model_name": "Cats_and.Dogs"}})
    assert cluster.pipeline.pipeline_info.pipeline_name == "cats-and-dogs"


def test_summary_knows_the_steps_and_the_settings(made):
    from pipeline.cluster import order

    cluster = made()
    told = order.parsed(cluster.exit_handler.exec_properties["order"])
    assert [step.name for step in told.steps] == list(steps_of(cluster))
    assert told.config == Config.model_validate(told.config).model_dump(mode="json")
    assert told.state == STATE


def test_equal_orders_make_equal_graphs(made):
    one, other = made(), made()
    assert one.pod_arguments == other.pod_arguments
    assert one.bindings == other.bindings


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, "w.h5"),
        ({}, None),
        ({"tune": {"enabled": True}}, "w.h5"),
        ({"train": {"base": "live"}, "augment": {"enabled": True}}, "w.h5"),
        ({"data": {"test_fraction": 0.2}}, "w.h5"),
    ],
)
def test_steps_are_told_what_the_local_run_tells_them(
    made, make_images, tmp_path, settings, weights
):
    """Filled in as the pods do it, all but the reports of a run are the same: so is the model."""
    from pipeline import graph, judging, preflight, sources
    from pipeline.cluster import preparation

    data = str(make_images(tmp_path / "data", count=4))
    found_weights = Weights(tmp_path / weights, "abc") if weights else Weights(None, "random")
    state = tmp_path / "state"
    config = Config.model_validate(
        {"kubeflow": {"state": str(state)}, "push": {"untrained": True}, **settings}
    )
    work_dir = WorkDir(state)
    listing = preflight.check_data(data, None)
    found = sources.gather(data, listing, found_weights, test_fraction=config.data.test_fraction)
    terms = judging.prepare(config, found, work_dir, accept_reason=None)
    local = graph.create_pipeline(config, found, work_dir, judging=terms, push_request="")

    cluster = made(config.model_dump(), weights=found_weights)
    wishes = preparation.Wishes(**{**cluster.parameter_defaults, "data": data})
    told = preparation.prepare(config, wishes, work_dir, found_weights)
    steps = steps_of(cluster)
    for step in local.components:
        filled = filled_in(steps[step.id], cluster, {**told, "release": ""})
        assert read(filled) == read(step.exec_properties), step.id


def test_run_pushes_where_it_is_told_and_compares_with_what_is_there(made):
    cluster = made()
    told = dict.fromkeys(steps_of(cluster)["Prepare"].outputs, "")
    told |= {"destination": "gs://models/pets", "pointer": "gs://models/pets.json", "release": "{}"}
    pusher, blessed_model = (
        read(filled_in(steps_of(cluster)[name], cluster, told))
        for name in ("Pusher", "BlessedModel")
    )
    [place] = pusher["push_destination"].values()
    assert list(place.values()) == ["gs://models/pets"]
    assert pusher["custom_config"]["pointer"] == "gs://models/pets.json"
    assert pusher["custom_config"]["terms"] == "{}"
    assert blessed_model["pointer"] == "gs://models/pets.json"


def read(properties):
    """Properties with their JSON read: the blanks in it mean nothing."""
    return {
        name: json.loads(value) if str(value).startswith(("{", "[")) else value
        for name, value in properties.items()
    }


def filled_in(step, cluster, told):
    """The properties of a step as its pod hands them to TFX."""
    from tfx.dsl.placeholder.placeholder_base import Placeholder
    from tfx.types import channel_utils

    values = dict(step.exec_properties)
    for name, value in values.items():
        if isinstance(value, Placeholder):
            values[name] = told[channel_utils.unwrap_simple_channel_placeholder(value).output_key]
    for each in cluster.bindings:
        if each.step == step.id:
            source = told if each.producer else cluster.parameter_defaults
            values[each.parameter] = source[each.origin]
            bindings.apply(each.arguments[1:], values)
    return values
