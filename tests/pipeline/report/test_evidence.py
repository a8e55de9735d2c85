"""Files that were set aside are looked at once more, as far as they can be seen."""

import base64
import hashlib
import io
import os

import numpy as np
import pytest
from PIL import Image

from components import inputs, judged_images, quarantine
from components.judged_images import JudgedImage
from components.quarantine import SetAside
from pipeline.config import Config
from pipeline.report import evidence
from pipeline.report.evidence import Evidence
from pipeline.report.gallery import Gallery


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
    return illustrated(data, aside(*names), max_pixels=max_pixels, max_bytes=max_bytes).pictures


def illustrated(data, set_aside=(), shown=(), *, max_pixels=10**6, max_bytes=10**6):
    found = Evidence(set_aside=set_aside, gallery=Gallery(mistakes=shown))
    listing = inputs.find(str(data), span=None)
    return evidence.illustrated(found, listing, max_bytes=max_bytes, max_pixels=max_pixels)


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
    found = illustrated(data, [*many, *rare])
    assert "cold/seen.tif.jpg" in found.pictures
    ordered = [each.reason for each in evidence.by_turns([*many, *rare])]
    assert ordered[:3] == ["undecodable", "unsupported_format", "undecodable"]


def test_gallery_shows_the_bytes_that_were_judged_and_no_others(data):
    digest = hashlib.sha256((data / "cold" / "1.png").read_bytes()).hexdigest()
    shown = [
        JudgedImage("cold/1.png", digest, "cold", "warm", 0.5, {}),
        JudgedImage("cold/2.png", digest, "cold", "warm", 0.5, {}),
    ]
    found = illustrated(data, shown=shown).gallery
    assert found.pictures.keys() == {"cold/1.png"}
    assert opened(found.pictures["cold/1.png"]).size == (100, 91)


@pytest.mark.graph
@pytest.mark.parametrize("is_shown", [True, False])
def test_setting_leaves_all_pictures_out(data, work_dir, recorder, a_summary, is_shown):
    digest = hashlib.sha256((data / "cold" / "1.png").read_bytes()).hexdigest()
    image = JudgedImage("cold/1.png", digest, "cold", "warm", 0.6, {"cold": 0.4, "warm": 0.6})
    for name in ("evaluation", "blessing", "quarantine"):
        (work_dir.root / name).mkdir()
    (work_dir.root / "evaluation" / "predictions.jsonl").write_text(judged_images.text([image]))
    (work_dir.root / "blessing" / "verdict.json").touch()
    counts = quarantine.IngestionCounts(1, 0, {}, {"empty": 1})
    quarantine.write(work_dir.root / "quarantine", counts, aside("cold/seen.tif.jpg"))
    run = recorder.run("1")
    for kind, name in (
        ("ModelEvaluation", "evaluation"),
        ("ModelBlessing", "blessing"),
        ("Quarantine", "quarantine"),
    ):
        recorder.output(run, kind, work_dir.root / name)
    config = Config.model_validate({"report": {"images": is_shown}}).model_dump(mode="json")
    summary = a_summary(config=config)
    found = evidence.gather(work_dir, summary, inputs.find(str(data), span=None))
    assert found.judged == found.gallery.mistakes == [image]
    assert bool(found.gallery.pictures) is bool(found.pictures) is is_shown
