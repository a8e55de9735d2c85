"""TFX's Evaluator, with a verdict in sentences, bounds on slices, and a baseline.

Beside TFX's own marks the blessing gets `verdict.json` and `evaluation.json`; the evaluation gets
`predictions.jsonl`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfx.components.evaluator import constants
from tfx.components.evaluator.executor import Executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.utils import io_utils, json_utils, proto_utils

from components import (
    blessed_model,
    evaluations,
    evaluator_config,
    gates,
    judged_data,
    judged_images,
    judged_images_extractor,
    model_checks,
)
from components.blessed import Blessed
from components.evaluate_settings import EvaluateSettings
from components.evaluations import Evaluation
from components.gates import Gate, Verdict
from components.judged_data import SLICED_BY, JudgedData
from components.model_checks import Baseline, Metrics, Slice
from trainer import features

FORCE_BLESS = "force_bless"

_EXTRACTORS = f"{judged_images_extractor.__name__}.{judged_images_extractor.extractors.__name__}"
_BLESSED = constants.ARTIFACT_PROPERTY_BLESSED_KEY

Artifacts = dict[str, list[Artifact]]


class EvaluatorExecutor(Executor):
    """Evaluates through TFX's, judges, and lets a person overrule the judgement.

    Where the baseline was judged on these very images, its metrics are known: it is not evaluated.
    """

    def Do(  # noqa: N802  TFX's own name
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        settings = EvaluateSettings.model_validate_json(exec_properties["settings"])
        judged = judged_data.read(_files(input_dict, exec_properties))
        [baseline] = input_dict[standard_component_specs.BASELINE_MODEL_KEY]
        latest, absence = blessed_model.read(baseline.uri)
        known = _known(latest, judged, settings)
        is_compared = bool(latest and not known and settings.max_worsening.limits())
        config = evaluator_config.create(settings, judged, known=known, is_compared=is_compared)
        inputs = dict(input_dict)
        if not is_compared:
            del inputs[standard_component_specs.BASELINE_MODEL_KEY]
        properties = {
            **exec_properties,
            standard_component_specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config),
            "custom_extractors": _EXTRACTORS,
        }
        [written] = output_dict[standard_component_specs.EVALUATION_KEY]
        answers = _join(written.uri, judged_images.FILE)
        option = f"{judged_images_extractor.OPTION}={answers}"
        self._beam_pipeline_args = [*self._beam_pipeline_args, option]
        super().Do(inputs, output_dict, properties)
        measured = evaluations.measured(written.uri)
        if latest and is_compared:
            known = Baseline(latest.version, measured.baseline)
        metrics = _without_small_groups(measured.metrics, judged, settings)
        evaluation = Evaluation(judged.digest, metrics, measured.confusion, known)
        checks = judge(evaluation, judged, settings, absence=absence)
        [blessing] = output_dict[standard_component_specs.BLESSING_KEY]
        _conclude(blessing, evaluation, checks, reason=exec_properties[FORCE_BLESS])


def judge(
    evaluation: Evaluation, judged: JudgedData, settings: EvaluateSettings, *, absence: str
) -> list[Gate]:
    """Every check, in the order that a person reads them.

    Args:
      absence: why there is no baseline, if there is none.
    """
    whole = evaluation.metrics[model_checks.WHOLE]
    checks = model_checks.thresholds(whole, settings)
    for section, feature in SLICED_BY.items():
        slices = [
            Slice(value, images, evaluation.metrics.get(model_checks.slice_key(feature, value), {}))
            for value, images in sorted(judged.slices[feature].items())
        ]
        checks += model_checks.by_slice(
            section.removeprefix("by_"),
            slices,
            getattr(settings, section),
            min_images=settings.min_images_per_slice,
        )
    if absence:
        checks.append(model_checks.without_baseline(absence))
    if evaluation.baseline:
        checks += model_checks.against(evaluation.baseline, whole, settings, images=judged.images)
    return checks


def _without_small_groups(
    metrics: Metrics, judged: JudgedData, settings: EvaluateSettings
) -> Metrics:
    """Only groups that are judged are kept: there may be as many as there are images."""
    small = {
        model_checks.slice_key(features.GROUP, value)
        for value, images in judged.slices[features.GROUP].items()
        if images < settings.min_images_per_slice
    }
    return {key: values for key, values in metrics.items() if key not in small}


def _conclude(
    blessing: Artifact, evaluation: Evaluation, checks: Sequence[Gate], *, reason: str
) -> None:
    """Write what was found beside TFX's blessing, and force it where a person has a reason."""
    version = str(evaluation.baseline.version) if evaluation.baseline else ""
    verdict = Verdict(checks, version)
    if _is_blessed(blessing) == bool(verdict.failed):
        raise RuntimeError(
            f"TFMA and the checks disagree: blessed is {_is_blessed(blessing)}, and these failed: "
            f"{[check.sentence for check in verdict.failed]}; please report this"
        )
    if verdict.failed and reason:
        verdict = replace(verdict, accept_reason=reason)
        _force(blessing, reason)
    evaluations.write(blessing.uri, evaluation)
    io_utils.write_string_file(_join(blessing.uri, gates.VERDICT_FILE), gates.text(verdict))


def _known(
    latest: Blessed | None, judged: JudgedData, settings: EvaluateSettings
) -> Baseline | None:
    """The baseline, if all that is compared was measured on these very images."""
    if latest is None or latest.judged != judged.digest:
        return None
    metrics = latest.metrics.get(model_checks.WHOLE, {})
    is_whole = settings.max_worsening.limits().keys() <= metrics.keys()
    return Baseline(latest.version, metrics) if is_whole else None


def _files(inputs: Artifacts, properties: Mapping[str, Any]) -> Sequence[str]:
    splits = json_utils.loads(properties[standard_component_specs.EXAMPLE_SPLITS_KEY])
    examples = inputs[standard_component_specs.EXAMPLES_KEY]
    folders = [uri for split in splits for uri in artifact_utils.get_split_uris(examples, split)]
    patterns = [io_utils.all_files_pattern(folder) for folder in folders]
    return sorted(str(path) for pattern in patterns for path in fileio.glob(pattern))


def _is_blessed(blessing: Artifact) -> bool:
    return blessing.get_int_custom_property(_BLESSED) == constants.BLESSED_VALUE


def _force(blessing: Artifact, reason: str) -> None:
    """Turn TFX's refusal into its blessing."""
    fileio.remove(_join(blessing.uri, constants.NOT_BLESSED_FILE_NAME))
    io_utils.write_string_file(_join(blessing.uri, constants.BLESSED_FILE_NAME), "")
    blessing.set_int_custom_property(_BLESSED, constants.BLESSED_VALUE)
    blessing.set_string_custom_property(FORCE_BLESS, reason)


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118  may be a URL


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's, with what the judgement is made by."""

    PARAMETERS = {  # noqa: RUF012  as in TFX
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        "settings": component_spec.ExecutionParameter(type=str),
        FORCE_BLESS: component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Judges the signature that is served, on raw Examples.

    Outputs: `evaluation` and `blessing`, as TFX's Evaluator.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(EvaluatorExecutor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        model: BaseChannel,
        baseline_model: BaseChannel,
        example_splits: Sequence[str],
        settings: str,
        force_bless: str,
        code: str,
    ) -> None:
        """Make the step.

        Args:
          baseline_model: what BlessedModel hands over.
          example_splits: the splits to judge on.
          settings: JSON of an `EvaluateSettings`.
          force_bless: why a person has a model blessed in spite of failed checks; may be empty.
          code: changes with the code.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            example_splits=json_utils.dumps(list(example_splits)),
            settings=settings,
            force_bless=force_bless,
            code=code,
            evaluation=Channel(type=standard_artifacts.ModelEvaluation),
            blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
