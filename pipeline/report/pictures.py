"""Small copies of images of the data, as data URLs."""

import base64
import hashlib
import io
from collections.abc import Mapping

from PIL import Image

from components import contents
from components.image_files import Listing
from components.quarantine import Rejected
from pipeline.glimpses import glimpse

_QUALITY = 80  # of JPEG


def copies(
    wanted: Mapping[str, str | None],
    listing: Listing,
    *,
    side: int,
    max_bytes: int,
    max_pixels: int,
) -> dict[str, str]:
    """Name -> data URL, of those that can be seen.

    Args:
      wanted: name -> the SHA-256 that the file must have; None takes it whatever it is by now.
      listing: where the files are. Those within TFRecords are not looked for: that would take
        reading all of them once more.
      side: the longer side of a copy, pixels.
      max_bytes: a larger file is not read.
      max_pixels: a larger image is not decoded.
    """
    found = [file for file in listing.files if file.name in wanted and file.kind != "tfrecord"]
    ordered = sorted(found, key=lambda file: (file.path, file.member))
    made = {}
    for file, content in contents.read(ordered, max_bytes=max_bytes):
        if isinstance(content, Rejected) or not _is(content, wanted[file.name]):
            continue
        if copy := glimpse(content, side=side, max_pixels=max_pixels):
            made[file.name] = _data_url(copy)
    return made


def _is(content: bytes, sha256: str | None) -> bool:
    return sha256 is None or hashlib.sha256(content).hexdigest() == sha256


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
