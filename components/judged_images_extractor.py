"""An extractor of TFMA's that changes nothing, and keeps what the candidate served for each image.

TFMA computes metrics of the answers and forgets them. Here they are written down on their way, so
that no image goes through the model again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tfx.utils import io_utils

from components import judged_images
from components.judged_images import JudgedImage
from trainer import features

OPTION = "--judged_images_file"


class JudgedImagesOptions(PipelineOptions):
    """Where the answers go: the one thing that TFX lets through to an extractor of ours."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument(OPTION, help="path or URL of the file of judged images")


def extractors(**arguments: Any) -> Sequence[Any]:
    """What TFX calls `custom_extractors`: TFMA's own, and one that writes the file."""
    keeping = tfma.extractors.Extractor(stage_name="KeepJudgedImages", ptransform=_Keep())
    return [*tfma.default_extractors(**arguments), keeping]


class _Keep(beam.PTransform):
    """Extracts to the same extracts."""

    def expand(self, input_or_inputs: Any) -> Any:
        extracts = input_or_inputs
        file = extracts.pipeline.options.view_as(JudgedImagesOptions).judged_images_file
        _ = (
            extracts
            | "JudgedImage" >> beam.Map(judged_image)
            | "All" >> beam.combiners.ToList()
            | "Write" >> beam.Map(_write, file)
        )
        return extracts


def judged_image(extracts: Mapping[str, Any]) -> JudgedImage:
    """What was served for one image; of two models, by the candidate."""
    held, answer = extracts[tfma.FEATURES_KEY], extracts[tfma.PREDICTIONS_KEY]
    answer = answer.get(tfma.CANDIDATE_KEY, answer)
    classes = (_text(name) for name in np.ravel(answer[features.OUTPUT_CLASSES]))
    scores = (_number(score) for score in np.ravel(answer[features.OUTPUT_SCORES]))
    return JudgedImage(
        path=_text(held[features.FILENAME]),
        sha256=_text(held[features.SHA256]),
        truth=_text(held[features.LABEL]),
        label=_text(answer[features.OUTPUT_LABEL]),
        score=_number(answer[features.OUTPUT_SCORE]),
        scores=dict(zip(classes, scores, strict=True)),
    )


def _write(images: Sequence[JudgedImage], file: str) -> None:
    io_utils.write_string_file(file, judged_images.text(images))


def _text(value: Any) -> str:
    only = np.ravel(value)[0]
    return only.decode() if isinstance(only, bytes) else str(only)


def _number(value: Any) -> float:
    """The shortest number that is this float32: half the digits of the float64 that it equals."""
    return float(str(np.float32(np.ravel(value)[0])))
