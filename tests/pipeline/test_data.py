"""`frostline data`, from its arguments to its exit code."""

import json

import pytest
from PIL import Image

from pipeline import cli

pytestmark = pytest.mark.graph


@pytest.fixture
def folder(tmp_path, make_images):
    for split, count in (("train", 8), ("validation", 6)):
        make_images(tmp_path / "photos" / split, count=count)
    for path in (tmp_path / "photos" / "validation").rglob("*.png"):
        # Or the same pictures would lie in both splits.
        with Image.open(path) as image:
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    return tmp_path / "photos"


def told(capfd, *arguments):
    exit_code = cli.main(["data", *map(str, arguments)])
    return exit_code, capfd.readouterr()


def test_good_data_end_with_zero(folder, capfd):
    exit_code, printed = told(capfd, folder)
    assert exit_code == 0
    assert printed.out.startswith(f"{folder}\n28 images")
    assert printed.out.endswith("A run would accept these data.\n")
    assert not printed.err


def test_data_that_a_run_would_refuse_end_with_four(folder, capfd):
    exit_code, printed = told(capfd, folder, "--set", "gate.min_images_per_class=7")
    assert exit_code == 4
    assert "class 'cold' has 6 in validation" in printed.out
    assert printed.out.endswith("A run would refuse these data.\n")


def test_limits_of_the_configuration_are_those_of_a_run(folder, capfd, tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[data]\nmin_size_pixels = 94\n")
    exit_code, printed = told(capfd, folder, "--config", file, "--json")
    assert exit_code == 4
    assert json.loads(printed.out)["quarantined"] == {"too_small": 16}


def test_json_and_nothing_else_is_on_standard_output(folder, capfd):
    (folder / "train" / "cold" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    _, printed = told(capfd, folder, "--json")
    assert json.loads(printed.out)["accepted"] == 28
    assert not printed.err


def test_sheet_is_written_and_named(folder, capfd, tmp_path):
    sheet = tmp_path / "worst.png"
    _, printed = told(capfd, folder, "--sheet", sheet)
    assert printed.out.endswith(f"\nContact sheet: {sheet}\n")
    with Image.open(sheet) as image:
        assert image.format == "PNG"


def test_one_class_is_described_all_the_same(folder, capfd):
    exit_code, printed = told(capfd, folder / "train" / "cold", "--json")
    assert exit_code == 2
    assert "holds no image in a class folder" in printed.err
    (folder / "only").mkdir()
    (folder / "train").rename(folder / "only" / "cold")
    exit_code, printed = told(capfd, folder / "only", "--json")
    assert exit_code == 4
    assert "one class only" in json.loads(printed.out)["problems"][0]["sentence"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["."], "no image in a class folder"),
        ([".", "--sheet", "nowhere/sheet.png"], "there is no folder nowhere"),
        ([".", "--set", "data.max_pixel=3"], "no such key; data has max_pixels"),
    ],
)
def test_nothing_to_look_at_ends_with_two(arguments, said, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exit_code, printed = told(capfd, *arguments)
    assert exit_code == 2
    assert said in printed.err
    assert not printed.out


@pytest.mark.parametrize("arguments", [["data", ".", "--sheet", "sheet.jpg"], ["data"]])
def test_wrong_usage_ends_with_two(arguments, capfd):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: frostline data" in capfd.readouterr().err


def test_real_photographs_are_accepted_with_nothing_said_against_them(photos, capfd):
    exit_code, printed = told(capfd, photos, "--json")
    answer = json.loads(printed.out)
    assert exit_code == 0
    assert (answer["accepted"], answer["problems"]) == (3000, [])
