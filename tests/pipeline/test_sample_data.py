"""The sample data: whole, repeatable, varied, and not to be told apart by colour."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import sample_data
from trainer.errors import WorkDirError

IMAGES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample data with fewer images than a user gets."""
    folder = tmp_path_factory.mktemp("sample") / "data"
    sample_data.write(folder, images_per_class=IMAGES)
    return folder


@pytest.fixture(scope="module")
def pictures(folder: Path) -> list[tuple[str, Image.Image]]:
    """Class and picture of every file that is meant to be good."""
    good = sorted(path for path in folder.glob("*/*") if not path.name.startswith("broken-"))
    return [(path.parent.name, Image.open(path)) for path in good]


def _contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_every_class_has_as_many_readable_pictures(pictures: list[tuple[str, Image.Image]]) -> None:
    for _, picture in pictures:
        picture.load()
    labels = [label for label, _ in pictures]
    assert {label: labels.count(label) for label in labels} == dict.fromkeys(
        ("leaves", "pebbles", "snowflakes"), IMAGES
    )


def test_file_names_tell_the_format(pictures: list[tuple[str, Image.Image]]) -> None:
    formats = {
        (Path(getattr(picture, "filename", "")).suffix, picture.format) for _, picture in pictures
    }
    assert formats == {(".jpg", "JPEG"), (".png", "PNG")}


def test_sizes_differ_in_portrait_and_landscape(pictures: list[tuple[str, Image.Image]]) -> None:
    sizes = [picture.size for _, picture in pictures]
    assert min(map(min, sizes)) >= 120
    assert max(map(max, sizes)) <= 420
    assert len(set(sizes)) > 100
    portraits = sum(height > width for width, height in sizes)
    assert 0.3 < portraits / len(sizes) < 0.7


def test_mean_colour_does_not_tell_the_class(pictures: list[tuple[str, Image.Image]]) -> None:
    colours = np.array([np.asarray(picture).mean(axis=(0, 1)) for _, picture in pictures])
    labels = np.array([sample_data.CLASSES.index(label) for label, _ in pictures])
    inputs = np.column_stack([colours, np.ones(len(colours))])
    train = np.arange(len(labels)) % 2 == 0
    centroids = np.stack([colours[train & (labels == label)].mean(axis=0) for label in range(3)])
    distances = np.linalg.norm(colours[~train, None] - centroids, axis=-1)
    weights, *_ = np.linalg.lstsq(inputs[train], np.eye(3)[labels[train]], rcond=None)
    assert np.mean(distances.argmin(axis=1) == labels[~train]) < 0.5
    assert np.mean((inputs[~train] @ weights).argmax(axis=1) == labels[~train]) < 0.5


def test_broken_files_lie_among_the_pictures(folder: Path) -> None:
    found = {name for name in _contents(folder) if "broken-" in name}
    assert found == set(sample_data.broken_files())
    assert {Path(name).parent.name for name in found} == set(sample_data.CLASSES)


@pytest.mark.parametrize(
    "name", [name for name in sample_data.broken_files() if "tiff" not in name]
)
def test_broken_file_cannot_be_read(folder: Path, name: str) -> None:
    with pytest.raises((OSError, SyntaxError, Image.DecompressionBombError)):
        Image.open(folder / name).load()


def test_tiff_hides_behind_the_name_of_a_jpeg(folder: Path) -> None:
    assert Image.open(folder / "snowflakes/broken-tiff-inside.jpg").format == "TIFF"


def test_gif_of_a_few_bytes_claims_gigapixels(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = folder / "snowflakes/broken-claims-65535x65535.gif"
    assert path.stat().st_size < 100
    assert Image.open(path).size == (65535, 65535)


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in {"one": 3, "same": 3, "other": 4}.items():
        sample_data.write(tmp_path / name, seed=seed, images_per_class=2)
    one, same, other = (_contents(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one.keys() == other.keys()
    assert one["leaves/leaves-000.png"] != other["leaves/leaves-000.png"]


def test_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    sample_data.write(tmp_path / "data", images_per_class=1)
    (tmp_path / "data/leaves/broken-truncated.jpg").unlink()
    before = _contents(tmp_path)
    sample_data.write(tmp_path / "data", images_per_class=2)
    assert _contents(tmp_path) == before


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    sample_data.write(tmp_path, images_per_class=1)
    assert {path.name for path in tmp_path.iterdir()} == set(sample_data.CLASSES)


def test_killed_run_leaves_no_folder_and_the_next_one_makes_it_anew(tmp_path: Path) -> None:
    sample_data.write(tmp_path / "whole", images_per_class=1)
    program = (
        "import sys, pathlib; from pipeline import sample_data;"
        "sample_data.write(pathlib.Path(sys.argv[1]), images_per_class=100000)"
    )
    folder = tmp_path / "killed" / "data"
    writer = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    try:
        deadline = time.monotonic() + 60
        while len(_contents(tmp_path / "killed")) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        writer.kill()
        writer.wait()
    assert len(_contents(tmp_path / "killed")) >= 3
    assert not folder.exists()
    sample_data.write(folder, images_per_class=1)
    assert _contents(tmp_path / "killed") == {
        f"data/{name}": content for name, content in _contents(tmp_path / "whole").items()
    }


@pytest.mark.parametrize(
    ("failure", "seen"),
    [
        (OSError(28, "No space left on device"), WorkDirError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_failed_run_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    seen: type[BaseException],
) -> None:
    written: list[Path] = []

    def write_a_few(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise failure
        written.append(path)
        path.touch()

    monkeypatch.setattr(Path, "write_bytes", write_a_few)
    with pytest.raises(seen):
        sample_data.write(tmp_path / "data")
    assert written
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkDirError, match=r"file/data.*--work-dir"):
        sample_data.write(tmp_path / "file" / "data", images_per_class=1)
