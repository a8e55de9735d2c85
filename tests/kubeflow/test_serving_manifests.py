"""What production reads: every key and flag is one that its reader knows."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

SERVING = Path(__file__).parents[2] / "kubeflow" / "serving"

# A part of the Compose specification's schema: what a file of ours may use, with its type.
# `...` stands for any name.
COMPOSE: Mapping[str, Any] = {
    "name": str,
    "services": {
        ...: {
            "image": str,
            "environment": {...: str},
            "command": [str],
            "ports": [str],
            "volumes": [{"type": str, "source": str, "target": str, "read_only": bool}],
            "healthcheck": {
                "test": [str],
                "interval": str,
                "timeout": str,
                "retries": int,
                "start_period": str,
            },
            "deploy": {"resources": {"limits": {"cpus": str, "memory": str}}},
            "read_only": bool,
            "tmpfs": [str],
            "cap_drop": [str],
            "security_opt": [str],
            "stop_grace_period": str,
            "restart": str,
        }
    },
}

_QUANTITIES = {"cpu": str, "memory": str, "nvidia.com/gpu": str}

# A part of the openAPIV3Schema of KServe's InferenceService, v1beta1.
INFERENCE_SERVICE: Mapping[str, Any] = {
    "apiVersion": str,
    "kind": str,
    "metadata": {"name": str, "namespace": str, "annotations": {...: str}, "labels": {...: str}},
    "spec": {
        "predictor": {
            "minReplicas": int,
            "maxReplicas": int,
            "scaleMetric": str,
            "scaleTarget": int,
            "containerConcurrency": int,
            "timeout": int,
            "serviceAccountName": str,
            "model": {
                "modelFormat": {"name": str, "version": str},
                "runtime": str,
                "protocolVersion": str,
                "runtimeVersion": str,
                "storageUri": str,
                "args": [str],
                "resources": {"requests": _QUANTITIES, "limits": _QUANTITIES},
            },
        }
    },
}

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


def problems(value: Any, schema: Any, where: str = "") -> Iterator[str]:
    """What of a document its schema does not know."""
    expected = schema if isinstance(schema, type) else type(schema)
    if type(value) is not expected:
        yield f"{where} is no {expected.__name__}: {value!r}"
    elif isinstance(schema, list):
        for place, item in enumerate(value):
            yield from problems(item, schema[0], f"{where}[{place}]")
    elif isinstance(schema, dict):
        for key, inner in value.items():
            known = schema.get(key, schema.get(...))
            if known is None:
                yield f"{where}.{key} is not known"
            else:
                yield from problems(inner, known, f"{where}.{key}")


@pytest.fixture
def compose():
    return yaml.safe_load((SERVING / "compose.yaml").read_text())


@pytest.fixture
def inference_service():
    return yaml.safe_load((SERVING / "inference-service.yaml").read_text())


def test_compose_file_fits_its_schema(compose):
    assert list(problems(compose, COMPOSE)) == []


def test_inference_service_fits_its_schema(inference_service):
    assert list(problems(inference_service, INFERENCE_SERVICE)) == []
    assert inference_service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert inference_service["kind"] == "InferenceService"
    # A resource's name: RFC 1123.
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", inference_service["metadata"]["name"])


def test_misspelt_key_and_wrong_type_are_noticed(inference_service):
    predictor = inference_service["spec"]["predictor"]
    predictor["minReplica"] = 1
    predictor["timeout"] = "60"
    predictor["model"]["args"] = "--enable_batching"
    assert list(problems(inference_service, INFERENCE_SERVICE)) == [
        ".spec.predictor.timeout is no int: '60'",
        ".spec.predictor.model.args is no list: '--enable_batching'",
        ".spec.predictor.minReplica is not known",
    ]


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
