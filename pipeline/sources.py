"""What goes into a run from outside: data, weights and code, each with a digest.

TFX's cache sees only what it is told. The digests tell it that data or code changed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import components
import trainer
from components import image_files
from components.image_files import ImageFile
from pipeline.config import Config
from pipeline.preflight import Weights
from trainer.features import EVAL, TEST
from trainer.settings import TrainerSettings


@dataclass(frozen=True)
class Sources:
    """What a run is made from.

    data_dir: the folder of images
    data_digest: changes when a file comes, goes, grows or is written again
    judged_split: the split that the Evaluator judges
    weights: the pretrained weights; None is a random base
    weights_sha256: their digest; "random" without a file
    code_digest: changes with the source of trainer/ and components/
    """

    data_dir: Path
    data_digest: str
    judged_split: str
    weights: Path | None
    weights_sha256: str
    code_digest: str

    @property
    def is_trained(self) -> bool:
        """Whether the base has learned anything."""
        return self.weights is not None


def gather(data_dir: Path, weights: Weights) -> Sources:
    """Look at everything, and digest it.

    Raises:
      DataError: the folder cannot be trained on.
    """
    files = image_files.find(data_dir)
    return Sources(
        data_dir=data_dir.resolve(),
        data_digest=_digest(_file_line(file) for file in files),
        judged_split=TEST if TEST in image_files.splits_of(files) else EVAL,
        weights=weights.path and weights.path.resolve(),
        weights_sha256=weights.sha256,
        code_digest=code_digest(),
    )


def model_digest(config: Config, sources: Sources) -> str:
    """Digest of all that a model is made from."""
    settings = config.model_dump_json(include={"data", *TrainerSettings.model_fields})
    return _digest([settings, repr(sources)])


def code_digest() -> str:
    """Digest of the source files whose behaviour ends up in artifacts."""
    folders = (Path(package.__path__[0]) for package in (components, trainer))
    paths = sorted(path for folder in folders for path in folder.glob("*.py"))
    return _digest(f"{path.parent.name}/{path.name}\n{path.read_text()}" for path in paths)


def _file_line(file: ImageFile) -> str:
    status = Path(file.path).stat()
    return f"{file.name}\t{status.st_size}\t{status.st_mtime_ns}"


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
