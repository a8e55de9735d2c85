import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from components import headers
from components.quarantine import Rejected

pytestmark = pytest.mark.graph  # headers loads TensorFlow

SIZE = (300, 40)


def encoded(kind, **options):
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, **options)
    return buffer.getvalue()


WHOLE = [
    encoded("JPEG"),
    encoded("JPEG", progressive=True),
    encoded("PNG"),
    encoded("GIF"),
    encoded("BMP"),
    encoded("WEBP"),
    encoded("WEBP", lossless=True),
    encoded("WEBP", exif=Image.Exif()),
    encoded("WEBP", icc_profile=b"colours"),
]


@pytest.mark.parametrize("content", WHOLE)
def test_the_size_is_found_where_pillow_stumbles(content, monkeypatch):
    known = headers.read(content)
    assert not isinstance(known, Rejected)
    assert known[1:] == SIZE

    def stumble(file):
        raise OSError("a comment is broken")

    monkeypatch.setattr(Image, "open", stumble)
    assert headers.read(content) == known


def test_a_comment_that_inflates_does_not_hide_a_png():
    comment = b"Comment\0\0" + zlib.compress(bytes(10 << 20))
    chunk = b"zTXt" + comment
    text = struct.pack(">I", len(comment)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    whole = encoded("PNG")
    content = whole[:33] + text + whole[33:]
    with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"):
        Image.open(io.BytesIO(content))
    assert headers.read(content) == ("PNG", *SIZE)


@pytest.mark.parametrize("content", [whole[:8] for whole in WHOLE])
def test_a_file_that_ends_in_its_header_is_rejected(content):
    assert isinstance(headers.read(content), Rejected)
