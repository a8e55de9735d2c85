"""What a model served for each judged image, and the file that it is kept in.

Its lines have what a line of `frostline predict` has, and the truth.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "predictions.jsonl"


@dataclass(frozen=True)
class JudgedImage:
    """An image of the judged split.

    path: relative to the data
    sha256: hex digest of its bytes
    truth: its class
    label: what was served; a threshold may have made it, not the scores
    score: that of the label
    scores: class -> score
    """

    path: str
    sha256: str
    truth: str
    label: str
    score: float
    scores: Mapping[str, float]

    @property
    def is_right(self) -> bool:
        """Whether the label is the truth."""
        return self.label == self.truth


def text(images: Iterable[JudgedImage]) -> str:
    """A line of JSON each, sorted by path: the same answers make the same file."""
    ordered = sorted(images, key=lambda image: (image.path, image.sha256))
    return "".join(json.dumps(asdict(image), ensure_ascii=False) + "\n" for image in ordered)


def read(file: Path) -> list[JudgedImage]:
    """Read what was kept.

    Raises:
      ValueError: it is no such file.
    """
    with file.open(encoding="utf-8") as lines:
        try:
            return [JudgedImage(**json.loads(line)) for line in lines]
        except TypeError as error:
            raise ValueError(f"{file} holds no judged images: {error}") from None
