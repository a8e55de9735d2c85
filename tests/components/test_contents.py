"""Reading files one by one, and sharing them out."""

import os

import pytest

from components import contents, storage
from components.image_files import ImageFile
from components.quarantine import Rejected


def listed(path, kind: storage.Kind = "file", member=0):
    return ImageFile(str(path), str(path), "cats", None, kind=kind, member=member)


def reason(path, max_bytes=100):
    [(_, content)] = contents.read([listed(path)], max_bytes=max_bytes)
    return content.reason if isinstance(content, Rejected) else content


def test_file_of_just_the_largest_size_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert reason(tmp_path / "a", max_bytes=5) == b"12345"
    assert reason(tmp_path / "a", max_bytes=4) == "too_many_bytes"


@pytest.mark.timeout(10)
def test_what_is_no_file_is_set_aside_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "gone", "\0"):
        assert reason(tmp_path / name) == "unreadable"


def test_portions_hold_each_file_once_and_are_about_as_large():
    files = [listed(str(number)) for number in range(11)]
    portions = contents.portions(files, 4)
    assert [len(portion) for portion in portions] == [3, 3, 3, 2]
    assert sorted(file.name for portion in portions for file in portion) == sorted(
        file.name for file in files
    )


def test_there_are_no_more_portions_than_files():
    assert len(contents.portions([listed("a"), listed("b")], 4)) == 2


def test_a_tar_stays_in_one_portion():
    files = [listed("a.tar", "tar", number) for number in range(9)]
    assert contents.portions(files, 4) == [files]
