"""ServingGate: puts a model through its paces in a fresh process, as TF Serving would run it.

It raises nothing where a check fails: it withholds TFX's InfraBlessing, and Pusher heeds that.
"""

import json
import tempfile
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

from components import blessed, gates, probe_material, serving_examination, storage
from components.gates import Verdict
from components.serving_examination import Examined, Opponent
from components.serving_gate_settings import BATCHES, ServingGateSettings
from trainer import features, parity

_BLESSED, _NOT_BLESSED = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


@tfx.dsl.components.component
def ServingGate(  # noqa: N802  a component is named like a class
    blessing: tfx.dsl.components.OutputArtifact[standard_artifacts.InfraBlessing],
    model: tfx.dsl.components.InputArtifact[standard_artifacts.Model],
    model_run: tfx.dsl.components.InputArtifact[standard_artifacts.ModelRun],
    baseline: tfx.dsl.components.InputArtifact[standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    settings: tfx.dsl.components.Parameter[str],
    judged_split: tfx.dsl.components.Parameter[str],
    max_pixels: tfx.dsl.components.Parameter[int],
    code: tfx.dsl.components.Parameter[str],
) -> None:
    """Judge whether a model can be served, and bless it if it can.

    Args:
      blessing: gets TFX's own mark, `verdict.json` and `serving.json`.
      model: what is judged.
      model_run: has the scores of some images in training; see `trainer.parity`.
      baseline: from BlessedModel.
      examples: raw Examples.
      settings: JSON of a `ServingGateSettings`.
      judged_split: where the photos of the requests come from.
      max_pixels: an image with more is refused by the model.
      code: changes with the code.
    """
    del code  # Part of the cache key only.
    bounds = ServingGateSettings.model_validate_json(settings)
    release = blessed.read(f"{baseline.uri}/{blessed.FILE}")
    with tempfile.TemporaryDirectory(prefix="frostline-serving-gate-") as folder:
        scratch = Path(folder)
        material = probe_material.gather(
            scratch,
            judged=_files(examples, judged_split),
            evaluation=_files(examples, features.EVAL),
            in_training=probe_material.scores_in_training(_text(f"{model_run.uri}/{parity.FILE}")),
            photo_count=max(int(batch) for batch in BATCHES),
            parity_count=bounds.parity_images,
            max_pixels=max_pixels,
        )
        opponent = release and Opponent(_local(baseline.uri, scratch / "blessed"), release)
        examined = serving_examination.examine(
            _local(model.uri, scratch / "model"),
            material,
            bounds,
            opponent=opponent,
            scratch=scratch,
        )
    _mark(blessing, examined, baseline=str(release.version) if release else "")


def _files(examples: standard_artifacts.Examples, split: str) -> list[str]:
    folder = artifact_utils.get_split_uri([examples], split)
    return sorted(f"{folder}/{name}" for name in fileio.listdir(folder))


def _text(path: str) -> str:
    with fileio.open(path) as file:
        return str(file.read())


def _local(uri: str, place: Path) -> str:
    """A model where a server finds it: as version 1 in a folder of this machine."""
    folder = path_utils.serving_model_path(uri)
    place.mkdir()
    if storage.is_remote(folder):
        io_utils.copy_dir(folder, str(place / "1"))
    else:
        (place / "1").symlink_to(Path(folder).resolve(), target_is_directory=True)
    return str(place / "1")


def _mark(blessing: standard_artifacts.InfraBlessing, examined: Examined, *, baseline: str) -> None:
    """Bless as TFX's InfraValidator does, or withhold it; the verdict goes beside the mark."""
    folder = blessing.uri
    mark = _BLESSED if examined.is_servable else _NOT_BLESSED
    io_utils.write_string_file(f"{folder}/{mark}", "")
    blessing.set_int_custom_property("blessed", int(examined.is_servable))
    record = json.dumps(examined.record, indent=2, ensure_ascii=False)
    io_utils.write_string_file(f"{folder}/{serving_examination.FILE}", record + "\n")
    verdict = Verdict(examined.checks, baseline)
    io_utils.write_string_file(f"{folder}/{gates.VERDICT_FILE}", gates.text(verdict))
