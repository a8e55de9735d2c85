"""Where a pod finds what the documents call by a URI.

Kubeflow's launcher fetches the inputs of a step into `/gcs|/s3|/minio/<bucket>/<key>` before it
starts, and takes the outputs from there afterwards; TensorFlow by itself opens `gs://` only.
"""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from trainer.errors import WorkDirError

STAGING = "FROSTLINE_STAGING"
"""Names the folder that stands for `/` where no launcher can write there, as in a simulated pod."""
EPHEMERAL = str(Path("/tmp") / "frostline")
"""Where a pod keeps its state if no volume does: gone with the pod."""
RUN_ID = "{{$.pipeline_job_uuid}}"
"""What Kubeflow puts the id of the run for."""

_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}
_OPENED_BY_TENSORFLOW = "gs://"


def _staging() -> Path:
    return Path(os.environ.get(STAGING) or "/")


def _temporary() -> str:
    return str(Path(tempfile.gettempdir()) / "frostline")


@dataclass(frozen=True)
class Places:
    """The file system of one pod.

    staging: what stands for `/`
    temporary: what stands for `EPHEMERAL`
    """

    staging: Path = field(default_factory=_staging)
    temporary: str = field(default_factory=_temporary)

    def staged(self, uri: str) -> str:
        """The path at which the launcher puts a URI; a path is its own."""
        for scheme, folder in _FOLDERS.items():
            if uri.startswith(scheme):
                return str(self.staging / folder / uri.removeprefix(scheme))
        return uri

    def found(self, uri: str) -> str:
        """What to open to read an input.

        Raises:
          WorkDirError: there is nothing.
        """
        path = self.staged(uri)
        if Path(path).exists() or uri.startswith(_OPENED_BY_TENSORFLOW):
            return path if Path(path).exists() else uri
        raise WorkDirError(
            f"the input {uri} is not at {path}: Kubeflow's launcher should have put it there, or a "
            "volume should be mounted there (kubeflow.volumes)"
        )

    def uri(self, path: str) -> str:
        """What the documents call a staged path; anything else is as it was."""
        for scheme, folder in _FOLDERS.items():
            start = f"{self.staging / folder}/"
            if path.startswith(start):
                return scheme + path.removeprefix(start)
        return path

    def inward(self, text: str) -> str:
        """A parameter as it is meant in this pod."""
        return text.replace(EPHEMERAL, self.temporary)

    def outward(self, text: str) -> str:
        """A parameter as other pods understand it."""
        return text.replace(self.temporary, EPHEMERAL)
