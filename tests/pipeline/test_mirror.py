"""A work directory that is looked at stays as it is."""

import sqlite3

from pipeline import mirror
from pipeline.mirror import Mirror
from pipeline.workdir import WorkDir


def test_database_is_copied_as_it_stands_and_may_be_written(tmp_path):
    place = WorkDir(tmp_path)
    with sqlite3.connect(place.metadata) as database:
        database.execute("create table kept (name text)")
    database.close()
    before = place.metadata.read_bytes()
    with mirror.mirrored(place) as scratch:
        with sqlite3.connect(scratch.metadata) as copy:
            copy.execute("insert into kept values ('a')")
        copy.close()
    assert place.metadata.read_bytes() == before
    assert not scratch.copy.exists()


def test_notes_of_accepted_data_are_copied_and_all_else_is_where_it_is(tmp_path):
    place = WorkDir(tmp_path)
    place.data_gate.mkdir()
    (place.data_gate / "accepted.json").write_text("{}")
    with mirror.mirrored(place) as scratch:
        assert (scratch.data_gate / "accepted.json").read_text() == "{}"
        assert scratch.data_gate != place.data_gate
        assert scratch.imported_schemas != place.imported_schemas
        assert Mirror(scratch.root, scratch.copy).data_gate == place.data_gate
        assert scratch.artifacts == place.artifacts


def test_work_directory_that_is_not_there_is_not_made(tmp_path):
    with mirror.mirrored(WorkDir(tmp_path / "w")) as scratch:
        assert not scratch.metadata.exists()
    assert not (tmp_path / "w").exists()
