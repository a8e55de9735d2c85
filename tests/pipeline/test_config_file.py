"""The config file that `frostline init` writes: complete, explained, and read unchanged."""

import tomllib

import pytest

from pipeline import cli, config_file
from pipeline.config import resolve
from pipeline.presets import PRESETS
from trainer.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("read_with", PRESETS)
def test_file_is_the_preset_whatever_preset_it_is_read_with(tmp_path, preset, read_with):
    path = config_file.write(tmp_path, preset=preset)
    read = resolve(preset=read_with, file=path, overrides=(), weights=None)
    assert read == resolve(preset=preset, file=None, overrides=(), weights=None)


def test_every_setting_follows_its_comment():
    above = config_file.text("default").partition("\nkeep_versions = 5\n")[0]
    assert above.splitlines()[-2:] == [
        "# Versions under `serving/` that stay; a push removes older ones.",
        "# A whole number, at least 1.",
    ]


def test_other_presets_are_named_where_they_differ():
    lines = config_file.text("course").splitlines()
    assert '# "pooled" or "flatten"; "pooled" in preset default and sample.' in lines
    assert "# 0.75 in preset sample." in lines
    same_in_all = lines.index("pooled_blocks = 2")
    assert "preset" not in lines[same_in_all - 1]


def test_folder_is_made(tmp_path):
    path = config_file.write(tmp_path / "a" / "b", preset="default")
    assert path == tmp_path / "a" / "b" / "frostline.toml"
    assert tomllib.loads(path.read_text())["train"]["epochs"] == 20


def test_file_that_is_there_is_never_overwritten(tmp_path):
    path = tmp_path / "frostline.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"frostline\.toml exists already"):
        config_file.write(tmp_path, preset="default")
    assert path.read_text() == "mine"


def test_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match="a is a file: name a folder"):
        config_file.write(tmp_path / "a", preset="default")


def test_command_prints_the_file_and_what_to_run_next(tmp_path, capsys):
    assert cli.main(["init", str(tmp_path / "my runs"), "--preset", "course"]) == 0
    path = tmp_path / "my runs" / "frostline.toml"
    assert capsys.readouterr().out == (
        f"{path}\nnext  frostline run --config '{path}' --data DIR --work-dir DIR\n"
    )
    assert tomllib.loads(path.read_text())["train"]["epochs"] == 100
