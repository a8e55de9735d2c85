"""Each rule of the static check finds what breaks it, and nothing in a pipeline that is sound."""

import copy
from typing import Any

import pytest
import yaml

from pipeline.cluster import checks
from pipeline.cluster.documents import Documents

SOUND = """
components:
  Prepare:
    executorLabel: Prepare_executor
    inputDefinitions: {parameters: {data: {parameterType: STRING}}}
    outputDefinitions: {parameters: {digest: {parameterType: STRING}}}
  Trainer:
    executorLabel: Trainer_executor
    inputDefinitions:
      parameters:
        custom_config: {parameterType: STRING}
        digest: {parameterType: STRING}
        epochs: {parameterType: NUMBER_INTEGER}
    outputDefinitions:
      artifacts: {model: {artifactType: {instanceSchema: "title: tfx.Model"}}}
  Pusher:
    executorLabel: Pusher_executor
    inputDefinitions:
      artifacts: {model: {artifactType: {instanceSchema: "title: tfx.Model"}}}
  Summary:
    executorLabel: Summary_executor
    inputDefinitions:
      parameters:
        run: {parameterType: STRING}
        status: {parameterType: TASK_FINAL_STATUS, isOptional: true}
  tfx-dag:
    inputDefinitions:
      parameters: {data: {parameterType: STRING}, epochs: {parameterType: NUMBER_INTEGER}}
    dag:
      tasks:
        Prepare:
          componentRef: {name: Prepare}
          inputs: {parameters: {data: {componentInputParameter: data}}}
        Trainer:
          componentRef: {name: Trainer}
          dependentTasks: [Prepare]
          inputs:
            parameters:
              custom_config: {runtimeValue: {constant: '{"weights": "/mnt/frostline/w.h5"}'}}
              digest: {taskOutputParameter: {producerTask: Prepare, outputParameterKey: digest}}
              epochs: {componentInputParameter: epochs}
        Pusher:
          componentRef: {name: Pusher}
          inputs:
            artifacts:
              model: {taskOutputArtifact: {producerTask: Trainer, outputArtifactKey: model}}
defaultPipelineRoot: gs://bucket/root
deploymentSpec:
  executors:
    Prepare_executor: {container: {image: "img:1", args: [Prepare, "{{$}}"]}}
    Trainer_executor:
      container:
        image: "img:1"
        args: [Trainer, "{{$.inputs.parameters['epochs']}}"]
        env: [{name: A, value: b}]
        resources:
          cpuLimit: 2.0
          resourceCpuLimit: 500m
          accelerator: {type: nvidia.com/gpu, count: "1"}
    Pusher_executor: {container: {image: "img:1", args: [Pusher]}}
    Summary_executor: {container: {image: "img:1", args: [Summary]}}
pipelineInfo: {name: frostline}
root:
  inputDefinitions:
    parameters:
      data: {parameterType: STRING, defaultValue: "gs://bucket/data", isOptional: true}
      epochs: {parameterType: NUMBER_INTEGER, defaultValue: 20.0, isOptional: true}
  dag:
    tasks:
      tfx-dag:
        componentRef: {name: tfx-dag}
        inputs:
          parameters:
            data: {componentInputParameter: data}
            epochs: {componentInputParameter: epochs}
      Summary:
        componentRef: {name: Summary}
        dependentTasks: [tfx-dag]
        triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}
        inputs:
          parameters:
            run: {runtimeValue: {constant: "{{$.pipeline_job_uuid}}"}}
            status: {taskFinalStatus: {producerTask: tfx-dag}}
schemaVersion: 2.1.0
---
platforms:
  kubernetes:
    deploymentSpec:
      executors:
        Trainer_executor:
          pvcMount: [{constant: frostline, mountPath: /mnt/frostline}]
          secretAsVolume: [{secretName: gcs, mountPath: /secrets/gcs}]
"""
GONE = object()


@pytest.fixture
def sound():
    return Documents(*yaml.safe_load_all(SOUND))


def with_change(documents: Documents, path: str, value: Any) -> Documents:
    """The documents with another value at a path, as in `components/Trainer/dag`."""
    found = copy.deepcopy({"pipeline": documents.pipeline, "platform": documents.platform})
    *above, last = path.split("/")
    inner: Any = found
    for part in above:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if value is GONE:
        del inner[last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return Documents(found["pipeline"], found["platform"])


def told(documents: Documents) -> list[str]:
    return [f"{each.level}: {each.place} {each.sentence}" for each in checks.findings(documents)]


def test_sound_pipeline_is_told_nothing(sound):
    assert told(sound) == []


TASKS = "pipeline/components/tfx-dag/dag/tasks"
ROOT_TASKS = "pipeline/root/dag/tasks"
CONTAINERS = "pipeline/deploymentSpec/executors"
PODS = "platform/platforms/kubernetes/deploymentSpec/executors"
TRAINER = f"{TASKS}/Trainer/inputs/parameters"
OPTIONAL = {"parameterType": "STRING", "isOptional": True}


def told_trainer(value):
    return f"{TRAINER}/custom_config/runtimeValue/constant", value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("pipeline/schemaVersion", "2.0.0", 'schemaVersion is "2.0.0"'),
        ("pipeline/sdkVersoin", "x", "pipeline does not fit its message"),
        (f"{CONTAINERS}/Pusher_executor/contaner", {}, "deploymentSpec does not fit"),
        ("platform/platfroms", {}, "platform does not fit"),
        (f"{PODS}/Trainer_executor/nodeSelectr", {}, "platform of Trainer_executor does not fit"),
        ("pipeline/pipelineInfo/name", "Frost_line", 'pipelineInfo.name "Frost_line" should be'),
        (f"{TASKS}/my_task", {"componentRef": {"name": "Prepare"}}, "my_task is no name for Argo"),
        ("pipeline/root/inputDefinitions/parameters/data/defaultValue", GONE, "without a default"),
        ("pipeline/root/inputDefinitions/parameters/epochs/defaultValue", "5", "that is no NUMBER"),
        (f"{TASKS}/Trainer/dependentTasks/0", "Nobody", "Trainer comes after Nobody"),
        (f"{TASKS}/Prepare/dependentTasks", ["Pusher"], "has tasks that wait for each other"),
        (f"{TASKS}/Pusher/componentRef/name", "Push", 'runs the component "Push"'),
        (f"{CONTAINERS}/Pusher_executor", GONE, 'has the executor "Pusher_executor"'),
        (f"{TRAINER}/digest", GONE, "Trainer is not given digest"),
        (f"{TRAINER}/more", {"runtimeValue": {"constant": "x"}}, "is given more, which its"),
        (f"{TASKS}/Pusher/inputs/artifacts/model", GONE, "Pusher is not given model"),
        (f"{ROOT_TASKS}/tfx-dag/inputs/parameters/data", GONE, "tfx-dag is not given data"),
        (
            "pipeline/components/tfx-dag/inputDefinitions/parameters/epochs",
            GONE,
            "Trainer is given epochs from epochs, which tfx-dag does not take",
        ),
        (
            f"{TRAINER}/digest/taskOutputParameter/producerTask",
            "Prepare_task",
            "from the task Prepare_task, which is not in tfx-dag",
        ),
        (
            f"{TRAINER}/digest/taskOutputParameter/outputParameterKey",
            "x",
            "from Prepare.x, which that task does not make",
        ),
        (
            f"{TASKS}/Pusher/inputs/artifacts/model/taskOutputArtifact/outputArtifactKey",
            "x",
            "from Trainer.x, which it does not make",
        ),
        (
            f"{TASKS}/Pusher/inputs/artifacts/model/taskOutputArtifact/producerTask",
            "Train",
            "is given model from the task Train, which is not in tfx-dag",
        ),
        (
            f"{TASKS}/Pusher/inputs/artifacts/model",
            {"componentInputArtifact": "model"},
            "Pusher is given model from model, which tfx-dag does not take",
        ),
        (f"{TRAINER}/epochs/componentInputParameter", "data", "as NUMBER_INTEGER and is given"),
        (f"{TRAINER}/epochs", {"runtimeValue": {"constant": "5"}}, "'5', which is no NUMBER"),
        (
            "pipeline/components/Trainer/inputDefinitions/parameters/digest",
            {"type": "STRING"},
            "takes digest without a parameterType",
        ),
        (f"{ROOT_TASKS}/Summary/triggerPolicy", GONE, "a final status (status) and is no exit"),
        (f"{ROOT_TASKS}/Summary/dependentTasks", GONE, "is an exit task of nothing"),
        (
            f"{ROOT_TASKS}/Summary/inputs/artifacts",
            {"m": {"componentInputArtifact": "m"}},
            "would wait in vain for an artifact",
        ),
        (f"{CONTAINERS}/Prepare_executor", {"resolver": {}}, "Prepare_executor is a resolver"),
        (f"{CONTAINERS}/Prepare_executor", {"customJob": {}}, "is a custom job of Google"),
        (f"{CONTAINERS}/Prepare_executor", {}, "is neither a container nor an importer"),
        (f"{CONTAINERS}/Prepare_executor/container/image", GONE, "has no image"),
        (
            f"{CONTAINERS}/Prepare_executor/container/lifecycle",
            {"preCacheCheck": {"command": ["python"]}},
            "has a lifecycle hook",
        ),
        (f"{CONTAINERS}/Trainer_executor/container/env/0/name", "1 A", "names no variable"),
        (
            f"{CONTAINERS}/Trainer_executor/container/resources/resourceCpuLimit",
            "two",
            'asks for resourceCpuLimit "two"',
        ),
        (
            f"{CONTAINERS}/Trainer_executor/container/resources/accelerator/count",
            GONE,
            "asks for an accelerator without type or count",
        ),
        (
            f"{CONTAINERS}/Prepare_executor",
            {"importer": {"artifactUri": {"constant": "/data/model"}}},
            'imports "/data/model"',
        ),
        (f"{PODS}/Nobody", {}, "platform of Nobody is about an executor that is not there"),
        (
            f"{CONTAINERS}/Trainer_executor",
            {"importer": {"artifactUri": {"constant": "gs://b/m"}}},
            "platform of Trainer_executor is about an importer",
        ),
        (f"{PODS}/Trainer_executor/secretAsVolume/0/secretName", "frostline", 'mounts "frostline"'),
        (
            f"{PODS}/Trainer_executor/secretAsVolume/0/mountPath",
            "/mnt/frostline",
            "mounts two volumes at /mnt/frostline",
        ),
        (
            f"{CONTAINERS}/Trainer_executor/container/args/1",
            "{{$.pipeline_job_uuid}}",
            "Trainer has {{$.pipeline_job_uuid}} in its command",
        ),
        (
            f"{CONTAINERS}/Trainer_executor/container/args/1",
            "{{$.inputs.artifacts['epochs'].value}}",
            "which Kubeflow does not fill in",
        ),
        (
            f"{CONTAINERS}/Trainer_executor/container/args/1",
            "{{$.inputs.parameters['epoch']}}",
            "which Kubeflow does not fill in",
        ),
        (
            f"{CONTAINERS}/Prepare_executor/container/args",
            ["Pusher"],
            "Pusher has the very container of Prepare",
        ),
        ("pipeline/defaultPipelineRoot", "bucket/root", '"bucket/root" should be gs://'),
        ("pipeline/defaultPipelineRoot", "file:///root", '"file:///root" should be gs://'),
        (
            "pipeline/components/Pusher/inputDefinitions/artifacts/model/artifactType",
            {"instanceSchema": "title: tfx.String"},
            "takes model as an artifact that holds a value",
        ),
        (
            "pipeline/components/Pusher/inputDefinitions/artifacts/model/artifactType",
            {"schemaTitle": "tfx.JsonValue"},
            "takes model as an artifact that holds a value",
        ),
        (f"{TRAINER}/custom_config/runtimeValue", {"runtimeParameter": "x"}, "as schema 2.0 did"),
        (*told_trainer("run {{$.pipeline_job_uuid}}"), "which stays as it is"),
        (*told_trainer('{"module": "trainer@gs://b/trainer-0.1.whl"}'), "is in no pod"),
        (*told_trainer("file:///data"), "no pod can open file://"),
        (*told_trainer('{"a": ["hf://model"]}'), "no pod can open hf://"),
        (*told_trainer("~/photos"), "a pod has another home"),
        (*told_trainer('{"a": "../photos"}'), "a pod has another home"),
        (
            "pipeline/root/inputDefinitions/parameters/data/defaultValue",
            "photos",
            "data = photos, which is no absolute path",
        ),
    ],
)
def test_what_kubeflow_refuses_or_drops_is_an_error(sound, path, value, said):
    found = told(with_change(sound, path, value))
    assert any(each.startswith("error: ") and said in each for each in found), found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (*told_trainer('{"weights": "/home/me/w.h5"}'), "Trainer is told custom_config = /home/me"),
        (f"{CONTAINERS}/Trainer_executor/container/args/0", "/srv/x", "is told its command = /srv"),
        ("pipeline/defaultPipelineRoot", "/mnt/root", "/mnt/root is a path"),
        ("pipeline/defaultPipelineRoot", GONE, "defaultPipelineRoot is not set"),
        (
            "pipeline/root/inputDefinitions/parameters/data/defaultValue",
            "/srv/photos",
            "runtime parameter is told data = /srv/photos",
        ),
    ],
)
def test_what_a_compiler_cannot_know_is_a_warning(sound, path, value, said):
    [found] = told(with_change(sound, path, value))
    assert found.startswith("warning: ")
    assert said in found


def test_importer_with_a_condition_is_refused(sound):
    importer = {"importer": {"artifactUri": {"constant": "gs://b/m"}}}
    imported = with_change(sound, f"{CONTAINERS}/Pusher_executor", importer)
    chosen = with_change(imported, f"{TASKS}/Pusher/triggerPolicy", {"condition": "true"})
    assert not told(imported)
    assert told(chosen) == ["error: Pusher is an importer with a condition, which Kubeflow refuses"]


def test_module_of_tfx_is_refused_because_its_wheel_lies_where_it_was_compiled(sound):
    declared = "pipeline/components/Trainer/inputDefinitions/parameters/module_file"
    taking = with_change(sound, declared, OPTIONAL)
    given = with_change(
        taking, f"{TRAINER}/module_file", {"runtimeValue": {"constant": "gs://b/trainer.py"}}
    )
    assert not told(taking)
    assert "is given module_file = gs://b/trainer.py: code that was packed" in told(given)[0]


def test_path_on_a_volume_of_this_very_pod_is_told_nothing(sound):
    elsewhere = with_change(sound, f"{PODS}/Trainer_executor/pvcMount/0/mountPath", "/mnt/other")
    assert "/mnt/frostline/w.h5: no pod can open that" in told(elsewhere)[0]


def test_pipeline_that_kubeflows_own_sdk_has_compiled_is_told_nothing(tmp_path):
    from kfp import compiler, dsl, kubernetes

    from pipeline.cluster import documents

    @dsl.component(base_image="python:3.11")
    def say(text: str, times: int) -> str:
        return text * times

    @dsl.component(base_image="python:3.11")
    def close(status: dsl.PipelineTaskFinalStatus, run: str):
        pass

    @dsl.pipeline(name="toy", pipeline_root="gs://bucket/root")
    def toy(text: str = "a", times: int = 3):
        last: Any = close
        with dsl.ExitHandler(last(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER)):
            first: Any = say(text=text, times=times)
            first.set_retry(2, backoff_duration="30s")
            kubernetes.mount_pvc(first, pvc_name="claim", mount_path="/mnt/a")
            with dsl.If(first.output == "aaa"):
                say(text=first.output, times=1)

    path = tmp_path / "toy.yaml"
    compiler.Compiler().compile(toy, str(path))  # pyright: ignore[reportArgumentType]
    assert told(documents.read(path)) == []
