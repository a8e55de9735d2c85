"""Each file of a data set is looked at as ingestion does, side by side."""

import itertools
import shutil
import signal
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from components import inputs, thumbnails
from components.near_duplicates import perceptual_hash
from components.properties import measure
from components.quarantine import Rejected
from components.settings import IngestionSettings
from pipeline import data_scan

pytestmark = pytest.mark.graph

SETTINGS = IngestionSettings()


def scan(data, *, settings=SETTINGS, on_file=lambda: None):
    return data_scan.scan(inputs.listed(str(data)), settings, on_file=on_file)


@pytest.fixture
def folder(tmp_path, make_images):
    return make_images(tmp_path / "photos", count=6)


def test_an_accepted_image_is_described_and_measured(folder):
    [facts] = [each for each in scan(folder).images if each.name == "warm/3.png"]
    path = folder / "warm" / "3.png"
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert (facts.format, facts.width, facts.height) == ("PNG", 100, 93)
    assert facts.bytes == path.stat().st_size
    thumbnail = thumbnails.make(pixels)
    assert facts.properties == measure(thumbnail, aspect=100 / 93)
    assert facts.hash == perceptual_hash(thumbnail)


def test_every_file_is_accepted_or_refused_and_sorted_by_name(folder):
    (folder / "cold" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "warm" / "empty.jpg").write_bytes(b"")
    found = scan(folder)
    assert [each.name for each in found.images] == sorted(each.name for each in found.images)
    assert [each.file.name for each in found.refused] == ["cold/broken.png", "warm/empty.jpg"]
    assert len(found.images) == 12
    assert found.refused[1].why == Rejected("empty", "the file has no bytes")


def test_the_limits_of_the_configuration_hold(folder):
    found = scan(folder, settings=IngestionSettings(min_size_pixels=94))
    assert {each.why.reason for each in found.refused} == {"too_small"}
    assert len(found.refused) == 8


def test_images_are_in_the_splits_that_a_run_would_put_them_in(folder):
    found = scan(folder, settings=IngestionSettings(group_pattern=r"^(\d)\.png$"))
    by_group = {}
    for each in found.images:
        by_group.setdefault(each.name[-5], set()).add(each.split)
    assert all(len(splits) == 1 for splits in by_group.values())


def test_an_archive_gives_what_its_folder_gives(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder).as_posix())
    shutil.make_archive(str(tmp_path / "packed"), "gztar", folder)
    facts = [(each.name, each.sha256, each.split) for each in scan(folder).images]
    for name in ("photos.zip", "packed.tar.gz"):
        found = scan(tmp_path / name).images
        assert sorted(
            (each.name.removeprefix("./"), each.sha256, each.split) for each in found
        ) == sorted(facts)


def test_each_file_is_counted_once(folder):
    calls, lock = [], threading.Lock()

    def on_file():
        with lock:
            calls.append(1)

    scan(folder, on_file=on_file)
    assert len(calls) == 12


@pytest.fixture
def ctrl_c():
    """Python's own answer to SIGINT, which a process started in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_does_not_wait_for_the_other_files(folder, ctrl_c):
    for number in range(300):
        shutil.copy(folder / "cold" / "0.png", folder / "cold" / f"more{number}.png")
    calls = itertools.count()

    def on_file():
        place = next(calls)
        time.sleep(0.01)
        if place == 0:
            # Ctrl-C, which Python gives to the main thread.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        scan(folder, on_file=on_file)
    assert next(calls) < 100
