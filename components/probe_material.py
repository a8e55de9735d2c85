"""What a probe is given: real photos, a large one, bytes that are no image, and what to expect."""

import hashlib
import io
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from PIL import Image

from trainer import features

LARGE = (4000, 3000)
"""Width and height of the large photo, where a model takes so many pixels."""
# A header that claims 4.3 gigapixels, a frame as large, and the data of one pixel.
_HUGE_GIF = (
    b"GIF89a"
    + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    + struct.pack("<BHHHHB", 0x2C, 0, 0, 65535, 65535, 0)
    + b"\x02\x02\x44\x01\x00\x3b"
)


@dataclass(frozen=True)
class Expected:
    """An image whose scores are known from training.

    name: of the file that it came from
    scores: class -> score
    """

    name: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Material:
    """Files for a probe, and what is expected of those in `parity`, one by one."""

    photos: Sequence[str]
    parity: Sequence[str]
    expected: Sequence[Expected]
    large: str
    malformed: Mapping[str, str]


def gather(
    folder: Path,
    *,
    judged: Sequence[str],
    evaluation: Sequence[str],
    in_training: Mapping[str, Mapping[str, float]],
    photo_count: int,
    parity_count: int,
    max_pixels: int,
) -> Material:
    """Write the files of a probe.

    Args:
      folder: an empty one.
      judged, evaluation: gzipped TFRecords of raw Examples, of the split that is judged and of
        the one that was validated on.
      in_training: digest -> class -> score.
      photo_count: photos that are wanted.
      parity_count: images whose scores are to be compared, at most.
      max_pixels: an image with more is refused.
    """
    photos = [encoded for _, encoded in islice(_images(judged), photo_count)]
    wanted = sorted(in_training)[:parity_count]
    found = _found(evaluation, set(wanted))
    compared = [digest for digest in wanted if digest in found]
    upright = _jpeg(photos[0])
    malformed = {
        "empty": b"",
        "text": b"not an image",
        "truncated JPEG": upright[: len(upright) // 2],
        "GIF of 4 gigapixels": _HUGE_GIF,
    }
    return Material(
        photos=_written(folder / "photos", photos),
        parity=_written(folder / "parity", [found[digest][1] for digest in compared]),
        expected=[Expected(found[digest][0], in_training[digest]) for digest in compared],
        large=_written(folder / "large", [_jpeg(photos[0], _large(max_pixels))])[0],
        malformed=dict(
            zip(malformed, _written(folder / "malformed", list(malformed.values())), strict=True)
        ),
    )


def scores_in_training(text: str) -> dict[str, dict[str, float]]:
    """Digest -> class -> score, from what the Trainer has left; see `trainer.parity`."""
    stored = json.loads(text)
    classes: list[str] = stored["classes"]
    return {
        digest: dict(zip(classes, scores, strict=True))
        for digest, scores in stored["scores"].items()
    }


def records(path: str, compression: Literal["", "GZIP"] = "") -> Iterator[bytes]:
    """The records of a TFRecord file or URL, without a device being touched."""
    yield from tf.compat.v1.io.tf_record_iterator(path, tf.io.TFRecordOptions(compression))


def _images(files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each image."""
    for path in files:
        for record in records(path, "GZIP"):
            found: Any = tf.train.Example.FromString(record).features.feature
            [name], [encoded] = (
                found[key].bytes_list.value for key in (features.FILENAME, features.ENCODED)
            )
            yield name.decode(errors="replace"), encoded


def _found(files: Sequence[str], wanted: set[str]) -> dict[str, tuple[str, bytes]]:
    """Digest -> name and bytes, of the wanted images."""
    found: dict[str, tuple[str, bytes]] = {}
    for name, encoded in _images(files):
        if len(found) == len(wanted):
            break
        digest = hashlib.sha256(encoded).hexdigest()
        if digest in wanted:
            found[digest] = name, encoded
    return found


def _large(max_pixels: int) -> tuple[int, int]:
    width, height = LARGE
    share = min(1.0, (max_pixels / (width * height)) ** 0.5)
    return max(1, int(width * share)), max(1, int(height * share))


def _jpeg(encoded: bytes, size: tuple[int, int] | None = None) -> bytes:
    with Image.open(io.BytesIO(encoded)) as image:
        plain = image.convert("RGB")
    content = io.BytesIO()
    (plain.resize(size) if size else plain).save(content, "JPEG", quality=90)
    return content.getvalue()


def _written(folder: Path, contents: Sequence[bytes]) -> list[str]:
    folder.mkdir()
    paths = [folder / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]
