"""The folder of predictions is whole, or is not there."""

import json

import pytest

from pipeline.bulk import output
from pipeline.bulk.output import Output, Part, PipelineError
from trainer.errors import ConfigError


@pytest.fixture
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("worker") / "shard"
    path.write_text("row\n")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def put(place, shard, *parts):
    for part in parts:
        output.put(shard, f"{place.parts}/{part.name}")


def test_folder_appears_with_all_its_shards_and_a_marker(tmp_path, shard):
    folder = tmp_path / "out"
    with output.opened(str(folder)) as place:
        put(place, shard, Part(1, 3, 1), Part(0, 5, 0))
        assert not folder.exists()
        found = output.parts(place)
        output.finish(place, [found[0], found[1]], "csv")
    assert names(folder) == [
        "_SUCCESS",
        "part-00000-of-00002.csv",
        "part-00001-of-00002.csv",
    ]
    assert json.loads((folder / "_SUCCESS").read_text()) == {"images": 8, "failures": 1}
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("end", "left"), [(KeyboardInterrupt(), []), (PipelineError("why"), [".out.unfinished"])]
)
def test_an_end_before_the_last_shard_leaves_no_result(tmp_path, shard, end, left):
    def interrupted():
        with output.opened(str(tmp_path / "out")) as place:
            put(place, shard, Part(0, 5, 0))
            (place.scratch / output.LOG).write_text("why")
            raise end

    with pytest.raises(type(end)):
        interrupted()
    assert names(tmp_path) == left
    if left:
        assert names(tmp_path / ".out.unfinished") == ["lock", "log"]


def test_shards_of_a_killed_run_are_swept_and_its_last_workers_write_nowhere(tmp_path, shard):
    unfinished = tmp_path / ".out.unfinished"
    killed = Output(str(tmp_path / "out"), str(unfinished / "run-1"), unfinished)
    (unfinished / "run-1" / "parts").mkdir(parents=True)
    put(killed, shard, Part(0, 5, 0))
    with output.opened(str(tmp_path / "out")) as place:
        with pytest.raises(FileNotFoundError):
            put(killed, shard, Part(1, 5, 0))
        assert output.parts(place) == {}
    assert names(tmp_path) == []


def test_a_shard_that_two_workers_made_counts_once_and_a_half_written_one_not(tmp_path, shard):
    with output.opened(str(tmp_path / "out")) as place:
        put(place, shard, Part(0, 5, 0), Part(0, 5, 1))
        (tmp_path / place.parts / ".0123").write_text("ro")
        assert [part.images for part in output.parts(place).values()] == [5]


@pytest.mark.parametrize("name", ["out", "out/"])
def test_folder_that_holds_something_is_refused_and_kept(tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    with pytest.raises(ConfigError, match="out is there already: choose another"):
        output.opened(f"{tmp_path}/{name}").__enter__()
    assert names(tmp_path / "out") == ["precious"]


def test_empty_folder_is_filled(tmp_path, shard):
    (tmp_path / "out").mkdir()
    with output.opened(str(tmp_path / "out")) as place:
        put(place, shard, Part(0, 1, 0))
        output.finish(place, [Part(0, 1, 0)], "jsonl")
    assert len(names(tmp_path / "out")) == 2


def test_folder_that_came_to_be_meanwhile_is_not_overwritten(tmp_path, shard):
    precious = tmp_path / "out" / "precious"
    with output.opened(str(tmp_path / "out")) as place:
        put(place, shard, Part(0, 1, 0))
        precious.parent.mkdir()
        precious.touch()
        with pytest.raises(ConfigError, match="is there already"):
            output.finish(place, [Part(0, 1, 0)], "jsonl")
    assert names(tmp_path / "out") == ["precious"]


def test_two_runs_into_one_folder_do_not_meet(tmp_path):
    with (
        output.opened(str(tmp_path / "out")),
        pytest.raises(ConfigError, match="is being written by another"),
    ):
        output.opened(str(tmp_path / "out")).__enter__()


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--output .*file/out cannot be written: Not a dir"):
        output.opened(str(tmp_path / "file" / "out")).__enter__()
