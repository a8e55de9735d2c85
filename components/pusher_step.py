"""TFX's Pusher, atomic for a server that polls; it keeps the latest versions and a card of each."""

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tfx import v1 as tfx
from tfx.components.pusher.executor import Executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import io_utils, json_utils

from components import blessed, gates, releases, serving_examination
from components.blessed import Blessed

EVALUATION_FILE = "evaluation.json"

Artifacts = dict[str, list[Artifact]]


class PusherExecutor(Executor):
    """Pushes a blessed model, and points at it as the latest blessed one.

    `custom_config` holds `keep_versions`, and `pointer`, the file or URL of a `Blessed`.
    """

    def Do(  # noqa: N802  TFX's own name
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        [pushed_model] = output_dict["pushed_model"]
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        config = json_utils.loads(exec_properties["custom_config"])
        destination = tfx.proto.PushDestination()
        json_format.Parse(exec_properties["push_destination"], destination)
        base = destination.filesystem.base_directory
        release = _release(base, input_dict)
        model = self.GetModelPath(input_dict)
        releases.publish(model, release)
        blessed.write(config["pointer"], release)
        releases.prune(base, keep=config["keep_versions"])
        # TFX's own archive of what was pushed.
        io_utils.copy_dir(model, pushed_model.uri)
        self._MarkPushed(
            pushed_model, pushed_destination=release.model, pushed_version=str(release.version)
        )


class Pusher(tfx.components.Pusher):
    """TFX's, with another executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)


def _release(base: str, inputs: Artifacts) -> Blessed:
    judged = Path(artifact_utils.get_single_uri(inputs["model_blessing"]))
    evaluation = json.loads((judged / EVALUATION_FILE).read_text(encoding="utf-8"))
    version = releases.next_version(base)
    return Blessed(
        version=version,
        model=f"{base}/{version}",
        judged=evaluation["judged"],
        metrics=evaluation["metrics"],
        serving=_serving(inputs),
        forced=gates.read(judged).accept_reason,
    )


def _serving(inputs: Artifacts) -> dict[str, Any]:
    measured = (
        Path(artifact_utils.get_single_uri(inputs["infra_blessing"])) / serving_examination.FILE
    )
    return json.loads(measured.read_text(encoding="utf-8"))
