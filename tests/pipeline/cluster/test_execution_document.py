"""Compiled files as they are read, and what is wrong with some."""

import pytest
import yaml

from pipeline.cluster import execution_document as documents
from trainer.errors import ConfigError

SPEC = {
    "pipelineInfo": {"name": "toy"},
    "schemaVersion": "2.1.0",
    "defaultPipelineRoot": "gs://b/root",
    "root": {
        "dag": {"tasks": {"one": {"componentRef": {"name": "comp"}, "taskInfo": {"name": "one"}}}},
        "inputDefinitions": {
            "parameters": {
                "n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0, "isOptional": True}
            }
        },
    },
    "components": {"comp": {"executorLabel": "exec"}},
    "deploymentSpec": {"executors": {"exec": {"container": {"image": "x", "command": ["true"]}}}},
}
PLATFORM = {
    "platforms": {
        "kubernetes": {"deploymentSpec": {"executors": {"exec": {"activeDeadlineSeconds": "60"}}}}
    }
}


@pytest.fixture
def read(tmp_path):
    def write_and_read(*contents):
        file = tmp_path / "pipeline.yaml"
        file.write_text(yaml.safe_dump_all(contents))
        return documents.read(file)

    return write_and_read


def test_both_documents_are_read(read):
    document = read(SPEC, PLATFORM)

    assert (document.name, document.root) == ("toy", "gs://b/root")
    assert document.defaults == {"n": 3}
    assert document.platform["exec"].active_deadline_seconds == 60
    assert document.component(document.spec.root.dag.tasks["one"]).executor_label == "exec"


def test_without_a_root_artifacts_lie_where_kfp_puts_them(read):
    assert read({**SPEC, "defaultPipelineRoot": ""}).root == "minio://mlpipeline/v2/artifacts"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schemaVersion": "2.0.0"}, "schemaVersion is 2.0.0, and open-source KFP runs 2.1.0"),
        (
            {"defaultPipelineRoot": "/state"},
            "stages gs://, s3:// and minio://, not the root /state",
        ),
        ({"pipelineinfo": {}}, "pipelineinfo"),
        ({"components": {}}, "task one is of the component comp, which is not there"),
        ({"deploymentSpec": {"executors": {}}}, "executor exec is not there"),
        (
            {"deploymentSpec": {"executors": {"exec": {"resolver": {}}}}},
            "executor exec is resolver; KFP runs containers and importers",
        ),
        (
            {"deploymentSpec": {"executors": {"exec": {"container": {"imagge": "x"}}}}},
            "deploymentSpec: .*imagge",
        ),
        (
            {
                "deploymentSpec": {
                    "executors": {"exec": {"container": {"image": "argostub/createpvc"}}}
                }
            },
            "executor exec makes or removes a claim",
        ),
    ],
)
def test_what_kfp_would_refuse_is_refused_by_name(read, changes, message):
    with pytest.raises(ConfigError, match=message):
        read({**SPEC, **changes})


def test_unknown_field_of_the_platform_is_an_error(read):
    platform = {
        "platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec": {"gpu": 1}}}}}
    }

    with pytest.raises(ConfigError, match=r"platforms\.kubernetes, exec: .*gpu"):
        read(SPEC, platform)


def test_file_that_is_no_pipeline_is_an_error(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")

    with pytest.raises(ConfigError, match=r"absent.yaml cannot be read"):
        documents.read(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match=r"list.yaml should hold a PipelineSpec"):
        documents.read(tmp_path / "list.yaml")
