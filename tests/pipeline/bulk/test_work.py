"""The list of images, and how it is shared out."""

import pytest

from components.image_files import ImageFile
from components.storage import Kind
from pipeline.bulk import work


def files(count, *, kind: Kind = "file", path=""):
    return [
        ImageFile(path or f"{number}.jpg", f"n{number}", "", None, kind=kind, member=number)
        for number in range(count)
    ]


@pytest.fixture
def written(tmp_path):
    def write(found, *, batch_size=4):
        todo = work.write(tmp_path / "list", found, batch_size=batch_size)
        lines = [list(work.read(str(tmp_path / "list"), portion)) for portion in todo.portions]
        return todo, lines

    return write


def test_every_image_is_in_one_portion_as_it_was(written):
    found = files(1000) + files(3, kind="zip", path="z.zip") + files(1, path="\udcff.jpg")
    todo, portions = written(found)
    assert [file for portion in portions for file in portion] == found
    assert todo.images == 1004
    assert [portion.number for portion in todo.portions] == list(range(len(portions)))


def test_shards_hold_full_batches(written):
    _, portions = written(files(1003), batch_size=32)
    assert [len(portion) for portion in portions] == [64] * 15 + [43]


@pytest.mark.parametrize(("count", "shards"), [(1, 1), (9, 3), (64, 16), (64_000, 32)])
def test_there_are_shards_for_many_workers_but_none_is_small_or_huge(written, count, shards):
    todo, _ = written(files(count))
    assert len(todo.portions) == shards


def test_a_tar_is_read_by_one_worker_and_a_zip_by_several(written):
    _, portions = written(
        files(70, kind="zip", path="a.zip")
        + files(70, kind="tar", path="b.tar")
        + files(2, kind="tar", path="c.tar")
    )
    by_archive = [{file.path for file in portion} for portion in portions]
    assert all(len(archives) == 1 for archives in by_archive)
    assert by_archive.count({"b.tar"}) == by_archive.count({"c.tar"}) == 1
    assert by_archive.count({"a.zip"}) == 9


def test_each_file_of_records_is_a_portion_whose_images_nobody_has_counted(written):
    records = [ImageFile(f"{n}.tfrecord", "", "", None, kind="tfrecord") for n in range(3)]
    todo, portions = written(records)
    assert len(portions) == 3
    assert todo.images is None
