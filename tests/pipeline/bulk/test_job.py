"""The command, as a person runs it, on a tiny model."""

import json
import subprocess
import sys
import time
import zipfile

import pytest
from pyarrow import parquet

from pipeline.cli import main

pytestmark = pytest.mark.graph

COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


def bulk_predict(*words):
    command = [sys.executable, "-c", COMMAND, "bulk-predict", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(folder):
    return [
        json.loads(line)
        for shard in sorted(folder.glob("part-*"))
        for line in shard.read_text().splitlines()
    ]


@pytest.mark.parametrize("runner", ["in_process", "multi_processing"])
def test_rows_are_those_of_predict(pushed, pictures, tmp_path, capsys, runner):
    run = bulk_predict(
        "--model", pushed, "--output", tmp_path / "out", "--batch-size", 4, "--runner", runner,
        pictures,
    )  # fmt: skip
    said, complained = run.communicate(timeout=200)
    assert run.returncode == 1
    assert "21 images in 6 shard(s)" in said
    assert complained == (
        "frostline: error: 1 image(s) could not be predicted; their rows say why\n"
    )
    assert main(["predict", "--model", str(pushed), str(pictures)]) == 1
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = sorted(rows(tmp_path / "out"), key=lambda row: row["path"])
    assert found == sorted(expected, key=lambda row: row["path"])
    assert len(found) == 21
    assert names(tmp_path) == ["out"]


def test_shards_of_parquet_read_as_one_table(pushed, pictures, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "red.zip", "w") as packed:
        packed.write(pictures / "00.png", "00.png")
    words = ["--model", pushed, "--output", tmp_path / "out", "--format", "parquet"]
    paths = [tmp_path / "red.zip", pictures / "deeper", pictures / "19.png"]
    assert main(["bulk-predict", *map(str, [*words, "--batch-size", 1, *paths])]) == 1
    table = {row["path"]: row for row in parquet.read_table(tmp_path / "out").to_pylist()}
    assert table[f"{tmp_path}/red.zip/00.png"]["label"] == "red"
    assert table[f"{pictures}/19.png"]["label"] == "other"
    assert table[f"{pictures}/deeper/broken.jpg"]["error"].startswith(
        "not a JPEG, PNG, GIF, BMP or WebP"
    )
    assert len(list((tmp_path / "out").glob("part-*"))) == 3


def test_a_run_killed_in_the_middle_leaves_no_result_and_the_next_is_whole(
    pushed, pictures, tmp_path
):
    many, folder = tmp_path / "many", tmp_path / "out"
    many.mkdir()
    for number in range(4000):
        (many / f"{number}.png").symlink_to(pictures / "00.png")
    run = bulk_predict("--model", pushed, "--output", folder, "--batch-size", 1, many)
    shards = parts(tmp_path)
    deadline = time.monotonic() + 100
    while not shards and time.monotonic() < deadline:
        time.sleep(0.01)
        shards = parts(tmp_path)
    run.kill()
    run.communicate(timeout=20)
    assert 0 < len(parts(tmp_path)) < 16
    assert not folder.exists()
    again = bulk_predict("--model", pushed, "--output", folder, pictures / "00.png")
    assert "1 images in 1 shard(s)" in again.communicate(timeout=100)[0]
    assert [row["path"] for row in rows(folder)] == [f"{pictures}/00.png"]
    assert names(tmp_path) == ["many", "out"]


def parts(folder):
    return list(folder.glob(".out.unfinished/run-*/parts/*"))


def test_wrong_model_is_told_before_anything_is_made(tmp_path, pictures, capsys):
    words = ["bulk-predict", "--output", str(tmp_path / "out"), str(pictures), "--model"]
    assert main([*words, "http://localhost:8501/v1/models/m"]) == 2
    assert "bulk-predict loads the model itself" in capsys.readouterr().err
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"\xff\xffdamaged")
    assert main([*words, str(tmp_path / "m")]) == 2
    assert "m cannot be loaded" in capsys.readouterr().err
    assert names(tmp_path) == ["m"]


def test_failure_of_a_worker_ends_with_its_reason_a_log_and_no_result(pictures, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xffdamaged")
    words = ["--model", tmp_path, "--output", tmp_path / "out", pictures]
    # Beam's options may name any runner: the model is first loaded by its workers.
    run = bulk_predict(*words, "--", "--runner=FnApiRunner")
    said, complained = run.communicate(timeout=100)
    log = tmp_path / ".out.unfinished" / "log"
    assert run.returncode == 1
    assert said == ""
    assert complained.startswith("frostline: error: Beam's pipeline failed, and nothing is written")
    assert "cannot be loaded" in complained
    assert complained.endswith(f"more is in {log}\n")
    assert "Traceback" in log.read_text()
    assert not (tmp_path / "out").exists()
