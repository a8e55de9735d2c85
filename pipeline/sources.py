"""What goes into a run from outside: data, weights and code, each with a digest.

TFX's cache sees only what it is told. The digests tell it that data or code changed.
"""

from dataclasses import dataclass
from pathlib import Path

import components
import trainer
from components import digests, image_files, spans, storage
from components.image_files import ImageFile, Listing
from pipeline.config import Config
from pipeline.preflight import Weights
from trainer.features import EVAL, TEST
from trainer.settings import TrainerSettings


@dataclass(frozen=True)
class Sources:
    """What a run is made from.

    data: the folder, manifest or archive: an absolute path, or a URL
    span: which spans of it, as `N..M`; empty where there are none
    data_digest: changes when a file comes, goes, grows or is written again
    judged_split: the split that the Evaluator judges
    weights: the pretrained weights; None is a random base
    weights_sha256: their digest; "random" without a file
    code_digest: changes with the source of trainer/ and components/
    """

    data: str
    span: str
    data_digest: str
    judged_split: str
    weights: Path | None
    weights_sha256: str
    code_digest: str

    @property
    def is_trained(self) -> bool:
        """Whether the base has learned anything."""
        return self.weights is not None


def gather(data: str, listing: Listing, weights: Weights, *, test_fraction: float) -> Sources:
    """Look at everything, and digest it.

    Args:
      data: what a person gave.
      listing: what it holds.
      weights: the pretrained weights.
      test_fraction: share of the images that goes to a split `test`.
    """
    splits = image_files.splits_of(listing.files, test_fraction=test_fraction)
    return Sources(
        data=data if storage.is_remote(data) else str(Path(data).resolve()),
        span=spans.text(listing.spans),
        data_digest=digests.of(map(_file_line, listing.files)),
        judged_split=TEST if TEST in splits else EVAL,
        weights=weights.path and weights.path.resolve(),
        weights_sha256=weights.sha256,
        code_digest=code_digest(),
    )


def model_digest(config: Config, sources: Sources) -> str:
    """Digest of all that a model is made from."""
    sections = {"data", *TrainerSettings.model_fields, *({"tune"} if config.tune.enabled else ())}
    settings = config.model_dump_json(include=sections)
    return digests.of([settings, repr(sources)])


def code_digest() -> str:
    """Digest of the source files whose behaviour ends up in artifacts."""
    folders = (Path(package.__path__[0]) for package in (components, trainer))
    paths = sorted(path for folder in folders for path in folder.glob("*.py"))
    return digests.of(f"{path.parent.name}/{path.name}\n{path.read_text()}" for path in paths)


def _file_line(file: ImageFile) -> str:
    return "\t".join([file.name, file.label, file.split or "", file.group or "", file.stamp])
