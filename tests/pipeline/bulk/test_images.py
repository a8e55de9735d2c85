"""What is predicted: images of any origin, by the names that their predictions have."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.bulk import images
from trainer.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.JPG", "deep/er/b.png", "notes.txt", ".hidden/c.jpg", "__MACOSX/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"image")
    return folder


def names(*paths):
    return sorted(file.name for file in images.found([str(path) for path in paths]))


def test_folder_needs_no_classes_and_is_searched_in_any_depth(folder):
    assert names(folder) == [f"{folder}/a.JPG", f"{folder}/deep/er/b.png"]


def test_archive_names_its_members_below_itself(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as packed:
        packed.write(folder / "a.JPG", "x/a.JPG")
        packed.write(folder / "notes.txt", "x/notes.txt")
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as packed:
        packed.add(folder, ".")
    assert names(tmp_path / "z.zip") == [f"{tmp_path}/z.zip/x/a.JPG"]
    assert names(tmp_path / "t.tgz") == [
        f"{tmp_path}/t.tgz/{n}" for n in ("a.JPG", "deep/er/b.png")
    ]
    assert {file.kind for file in images.found([str(tmp_path / "t.tgz")])} == {"tar"}


def test_manifest_without_labels_names_files_of_any_suffix_as_it_does(folder, tmp_path):
    manifest = tmp_path / "m.csv"
    manifest.write_text("path\nphotos/notes.txt\nphotos/a.JPG\n")
    assert names(manifest) == ["photos/a.JPG", "photos/notes.txt"]
    manifest.write_text('{"path": "photos/a.JPG"}\n')
    [file] = images.found([str(manifest)])
    assert Path(file.path) == folder / "a.JPG"


def test_records_are_known_by_their_names_here_and_in_folders(folder):
    records = folder / "Split-train" / "data_tfrecord-00000-of-00001.gz"
    records.parent.mkdir()
    records.write_bytes(b"")
    assert [file.kind for file in images.found([str(records)])] == ["tfrecord"]
    found = images.found([str(folder)])
    assert sorted(file.kind for file in found) == ["file", "file", "tfrecord"]


def test_several_paths_are_put_together_with_a_single_image_among_them(folder):
    assert names(folder / "a.JPG", folder / "deep") == [
        f"{folder}/a.JPG",
        f"{folder}/deep/er/b.png",
    ]


def test_name_that_is_no_text_is_marked(tmp_path):
    file = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(file)).write_bytes(b"image")
    [found] = images.found([str(tmp_path)])
    assert found.name == f"{tmp_path}/\ufffd.jpg"
    assert os.fsencode(found.path) == file


def test_missing_empty_and_broken_paths_are_told_by_name(tmp_path):
    with pytest.raises(ConfigError, match="nowhere does not exist: give a folder"):
        names(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"no image in .*; looked for \.bmp"):
        names(tmp_path)
    (tmp_path / "words").write_text("neither fish nor fowl")
    with pytest.raises(DataError, match="words"):
        names(tmp_path / "words")
