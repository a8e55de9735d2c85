"""What production reads: every key and flag is one that its reader knows."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

SERVING = Path(__file__).parents[2] / "kubeflow" / "serving"
SCHEMAS = Path(__file__).with_name("schemas")
COMPOSE, INFERENCE_SERVICE = "compose-spec.json", "inference-service.json"

# Of TF Serving's main.cc.
TF_SERVING_FLAGS = {
    "--rest_api_timeout_in_ms",
    "--enable_batching",
    "--batching_parameters_file",
    "--monitoring_config_file",
}
BATCHING_FIELDS = {
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
}


@pytest.fixture
def compose():
    return yaml.safe_load((SERVING / "compose.yaml").read_text())


@pytest.fixture
def inference_service():
    return yaml.safe_load((SERVING / "inference-service.yaml").read_text())


def problems(manifest, schema):
    """The places in a manifest that a schema refuses, each with its keyword."""
    rules = json.loads((SCHEMAS / schema).read_text())
    errors = Draft202012Validator(rules).iter_errors(manifest)
    return {(error.json_path, error.validator) for error in errors}


def test_compose_file_fits_the_compose_specification(compose):
    assert problems(compose, COMPOSE) == set()


def test_compose_specification_notices_misspelt_keys_and_wrong_types(compose):
    service = compose["services"]["serving"]
    compose["service"] = {}
    service["restarts"] = "always"
    service["image"] = 2
    service["cap_drop"] = ["ALL", "ALL"]
    service["volumes"][0]["type"] = "bnid"
    service["deploy"]["resources"]["limits"]["memory"] = 4
    where = "$.services.serving"
    assert problems(compose, COMPOSE) == {
        ("$", "additionalProperties"),
        (where, "unevaluatedProperties"),
        (f"{where}.cap_drop", "uniqueItems"),
        (f"{where}.image", "type"),
        (f"{where}.volumes[0]", "oneOf"),
        (f"{where}.deploy.resources.limits.memory", "type"),
    }


def test_inference_service_fits_kserves_types(inference_service):
    assert problems(inference_service, INFERENCE_SERVICE) == set()
    assert inference_service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert inference_service["kind"] == "InferenceService"
    # A resource's name: RFC 1123.
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", inference_service["metadata"]["name"])


def test_kserves_types_notice_misspelt_keys_and_wrong_types(inference_service):
    predictor = inference_service["spec"]["predictor"]
    predictor["minReplica"] = 1
    predictor["timeout"] = "60"
    predictor["model"]["args"] = "--enable_batching"
    predictor["model"]["resources"]["limit"] = {}
    predictor["model"]["modelFormat"]["version"] = 2
    where = "$.spec.predictor"
    assert problems(inference_service, INFERENCE_SERVICE) == {
        (where, "additionalProperties"),
        (f"{where}.timeout", "type"),
        (f"{where}.model.args", "type"),
        (f"{where}.model.resources", "additionalProperties"),
        (f"{where}.model.modelFormat.version", "type"),
    }


def test_kserves_types_notice_what_is_missing(inference_service):
    del inference_service["spec"]["predictor"]["model"]["modelFormat"]
    assert problems(inference_service, INFERENCE_SERVICE) == {
        ("$.spec.predictor.model", "required")
    }


def test_flags_are_tf_servings(compose, inference_service):
    words = compose["services"]["serving"]["command"]
    words += inference_service["spec"]["predictor"]["model"]["args"]
    assert {word.split("=")[0] for word in words} <= TF_SERVING_FLAGS


def test_files_that_flags_name_are_mounted_and_read(compose):
    service = compose["services"]["serving"]
    mounted = {volume["target"]: volume["source"] for volume in service["volumes"]}
    for word in service["command"]:
        _, _, path = word.partition("=")
        if path.startswith("/"):
            assert (SERVING / mounted[path]).is_file()
    batching = (SERVING / "batching.pbtxt").read_text()
    fields = dict(re.findall(r"^(\w+) \{ value: (\d+) \}$", batching, flags=re.M))
    assert set(fields) == BATCHING_FIELDS
    # The image's entry point reads MODEL_BASE_PATH/MODEL_NAME, which is /models/NAME.
    assert "/models" in mounted


def test_ports_are_open_to_this_machine_alone(compose):
    for port in compose["services"]["serving"]["ports"]:
        assert port.startswith("127.0.0.1:")


def test_both_serve_with_one_version_of_tf_serving(compose, inference_service):
    image = compose["services"]["serving"]["image"]
    version = inference_service["spec"]["predictor"]["model"]["runtimeVersion"]
    assert image == f"tensorflow/serving:{version}"
