"""The pretrained weights in a pod: a file of the image or of a volume, or fetched from a bucket."""

import hashlib
from pathlib import Path

from pipeline.cluster.uris import EPHEMERAL
from trainer.errors import WeightsError

_SCHEME = "://"


def place(source: str, sha256: str) -> Path:
    """Where the steps look for the file.

    Args:
      source: a path, which is its own place, or a URI that TensorFlow can open.
    """
    if _SCHEME not in source:
        return Path(source)
    return Path(EPHEMERAL) / "weights" / f"{sha256[:16]}.h5"


def bring(source: str, target: Path, *, sha256: str) -> None:
    """Have the file at its place, with the digest that the pipeline was compiled for.

    Raises:
      WeightsError: it cannot be had, or is another file.
    """
    if _SCHEME in source and not target.exists():
        _fetch(source, target)
    try:
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"the weights {source} cannot be read in this pod ({error.strerror}): put them in the "
            "image, on a volume or in a bucket, and say where with --set kubeflow.weights=..."
        ) from None
    if found != sha256:
        raise WeightsError(
            f"the weights {source} have the SHA-256 {found}, and the pipeline was compiled with "
            f"{sha256}: give compile.py --weights the very file that kubeflow.weights names"
        )


def _fetch(source: str, target: Path) -> None:
    import tensorflow as tf

    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    try:
        tf.io.gfile.copy(source, str(unfinished), overwrite=True)
    except tf.errors.OpError as error:
        raise WeightsError(f"the weights {source} cannot be fetched: {error.message}") from None
    unfinished.replace(target)
