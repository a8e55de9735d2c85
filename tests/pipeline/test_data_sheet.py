"""The contact sheet: what is on it, and that nothing that it shows can stop it."""

import io

import numpy as np
import pytest
from PIL import Image

from components import inputs
from pipeline import data_report, data_scan, data_sheet
from pipeline.config import Config

pytestmark = pytest.mark.graph

RED, BLUE = (250, 10, 10), (10, 10, 250)


@pytest.fixture
def folder(tmp_path, make_images):
    return make_images(tmp_path / "photos", count=8)


def sheet(photos, **settings):
    config = Config.model_validate(settings)
    scan = data_scan.scan(inputs.listed(str(photos)), config.data, on_file=lambda: None)
    return data_sheet.draw(data_report.build("photos", scan, config), scan, config.data)


def share_of(colour, picture):
    """Pixels of about this colour."""
    distance = np.abs(np.asarray(picture, np.int16) - colour).max(axis=-1)
    return int((distance < 12).sum())


def plain(colour, size=(160, 160)):
    return Image.new("RGB", size, colour)


def test_the_blurriest_image_is_on_the_sheet(folder):
    before = share_of(RED, sheet(folder))
    plain(RED).save(folder / "cold" / "plain.png")
    assert share_of(RED, sheet(folder)) > before + 150 * 150


def test_a_file_set_aside_is_shown_where_it_can_be(folder):
    plain(RED, size=(320, 320)).save(folder / "cold" / "scan.tiff")
    plain(BLUE, size=(900, 12)).save(folder / "cold" / "banner.png")
    picture = sheet(folder)
    assert share_of(RED, picture) > 150 * 150
    assert 100 < share_of(BLUE, picture) < 1000


def test_look_alikes_are_shown_side_by_side(tmp_path):
    rng = np.random.default_rng(5)
    for split in ("train", "validation"):
        for label in ("cold", "warm"):
            (tmp_path / split / label).mkdir(parents=True)
    pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((200, 200))
    alone = sheet_height(tmp_path, picture, twin=None)
    assert sheet_height(tmp_path, picture, twin=picture.resize((150, 150))) > alone + 150


def sheet_height(folder, picture, *, twin):
    picture.save(folder / "train" / "cold" / "one.png")
    if twin:
        twin.save(folder / "validation" / "cold" / "two.png")
    return sheet(folder).height


def test_a_bomb_is_named_and_not_unpacked(folder):
    bomb = io.BytesIO()
    plain(RED, size=(3000, 3000)).save(bomb, "PNG")
    (folder / "cold" / "bomb.png").write_bytes(bomb.getvalue())
    picture = sheet(folder, data={"max_pixels": 1_000_000})
    assert share_of(RED, picture) == 0


def test_broken_files_and_odd_names_cannot_stop_it(folder):
    with Image.open(folder / "cold" / "0.png") as image:
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG")
    for number, cut in enumerate((0, 3, 20, 300, 900)):
        (folder / "cold" / f"cut{number}\n猫 ‮\x1b.jpg").write_bytes(jpeg.getvalue()[:cut])
    assert sheet(folder).width == sheet(folder).width > 1000


def test_a_sheet_of_nothing_but_broken_files_can_be_drawn(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.jpg").write_bytes(b"nothing")
    assert sheet(tmp_path).height > 100
