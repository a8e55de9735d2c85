"""Files that were set aside are looked at once more, as far as they can be seen."""

import base64
import io
import os

import numpy as np
import pytest
from PIL import Image

from components import inputs
from components.quarantine import SetAside
from pipeline.report import evidence


@pytest.fixture
def data(make_images, tmp_path):
    folder = make_images(tmp_path / "data")
    Image.new("RGB", (500, 250), "red").save(folder / "cold" / "seen.tif.jpg", "TIFF")
    (folder / "cold" / "empty.jpg").touch()
    (folder / "warm" / "noise.png").write_bytes(os.urandom(500))
    return folder


def aside(*names, reason="undecodable"):
    return [SetAside(name, name.partition("/")[0], reason, "") for name in names]


def pictures_of(data, *names, max_pixels=10**6, max_bytes=10**6):
    listing = inputs.find(str(data), span=None)
    return evidence.pictures_of(aside(*names), listing, max_bytes=max_bytes, max_pixels=max_pixels)


def opened(url):
    head, _, content = url.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_file_that_can_be_seen_becomes_a_small_picture(data):
    found = pictures_of(data, "cold/seen.tif.jpg", "cold/empty.jpg", "warm/noise.png", "gone.jpg")
    assert list(found) == ["cold/seen.tif.jpg"]
    picture = opened(found["cold/seen.tif.jpg"])
    assert picture.size == (160, 80)
    assert np.asarray(picture)[40, 80, 0] > 240


def test_only_what_was_set_aside_is_looked_at(data):
    assert pictures_of(data, "cold/1.png").keys() == {"cold/1.png"}


@pytest.mark.parametrize("limit", [{"max_pixels": 500 * 250 - 1}, {"max_bytes": 1000}])
def test_limits_of_ingestion_hold_here_too(data, limit):
    assert pictures_of(data, "cold/seen.tif.jpg", **limit) == {}


def test_every_reason_has_its_turn_among_few_pictures(data):
    many = aside(*(f"cold/{number}.png" for number in range(100)))
    rare = aside("cold/seen.tif.jpg", reason="unsupported_format")
    listing = inputs.find(str(data), span=None)
    found = evidence.pictures_of([*many, *rare], listing, max_bytes=10**6, max_pixels=10**6)
    assert "cold/seen.tif.jpg" in found
    ordered = [each.reason for each in evidence.by_turns([*many, *rare])]
    assert ordered[:3] == ["undecodable", "unsupported_format", "undecodable"]
