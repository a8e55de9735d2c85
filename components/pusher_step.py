"""TFX's Pusher, atomic for a server that polls; it keeps the latest versions and a card of each."""

import json
import logging
from collections.abc import Mapping
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
from components.gates import VERDICT_FILE

EVALUATION_FILE = "evaluation.json"

_LOGGER = logging.getLogger(__name__)

Artifacts = dict[str, list[Artifact]]


class PusherExecutor(Executor):
    """Pushes a blessed model, and points at it as the latest blessed one.

    `custom_config` holds `keep_versions`, and `pointer`, the file or URL of a `Blessed`; and
    `terms`, JSON of those of a `Blessed`: what was made from the same is not pushed twice. They
    are empty where TFX's cache sees to that.
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
        terms = json.loads(config.get("terms") or "{}")
        if terms and (standing := releases.standing(base, terms["made_from"])):
            self._mark(pushed_model, standing)
            return
        release = _release(base, input_dict, terms)
        model = self.GetModelPath(input_dict)
        # TFX's own archive of what was pushed: first, as a full disk must end this step before
        # anything is served.
        io_utils.copy_dir(model, pushed_model.uri)
        releases.publish(model, release)
        blessed.write(config["pointer"], release)
        try:
            releases.prune(base, keep=config["keep_versions"])
        except OSError:
            # The model is served by now, and the next push tries again.
            _LOGGER.exception("earlier versions in %s could not be removed", base)
        self._mark(pushed_model, release)

    def _mark(self, pushed_model: Artifact, release: Blessed) -> None:
        self._MarkPushed(
            pushed_model, pushed_destination=release.model, pushed_version=str(release.version)
        )


class Pusher(tfx.components.Pusher):
    """TFX's, with another executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)


def _release(base: str, inputs: Artifacts, terms: Mapping[str, str]) -> Blessed:
    judged = artifact_utils.get_single_uri(inputs["model_blessing"])
    measured = artifact_utils.get_single_uri(inputs["infra_blessing"])
    evaluation = json.loads(io_utils.read_string_file(f"{judged}/{EVALUATION_FILE}"))
    version = releases.next_version(base)
    return Blessed(
        version=version,
        model=f"{base}/{version}",
        judged=evaluation["judged"],
        metrics=evaluation["metrics"],
        serving=json.loads(io_utils.read_string_file(f"{measured}/{serving_examination.FILE}")),
        forced=gates.parsed(io_utils.read_string_file(f"{judged}/{VERDICT_FILE}")).accept_reason,
        terms=terms,
    )
