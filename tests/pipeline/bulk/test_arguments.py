"""The words of `frostline bulk-predict`."""

import pytest

from pipeline import arguments
from pipeline.bulk import arguments as bulk_arguments
from pipeline.cli import main


def test_what_follows_two_dashes_is_left_to_beam():
    words = ["bulk-predict", "--model", "m", "a", "--", "--runner=X", "--", "y"]
    assert bulk_arguments.split(words) == (words[:4], ["--runner=X", "--", "y"])


@pytest.mark.parametrize("words", [["predict", "--", "-odd.jpg"], ["bulk-predict", "a"], []])
def test_other_commands_keep_their_words(words):
    assert bulk_arguments.split(words) == (words, [])


def test_several_paths_are_taken_after_the_options():
    words = ["bulk-predict", "--model", "m", "--output", "o", "a", "b"]
    assert arguments.parser().parse_args(words).paths == ["a", "b"]


def test_workers_of_one_process_are_refused(capsys):
    words = ["bulk-predict", "--model", "m", "--output", "o", "--workers", "2", "a"]
    assert main(words) == 2
    assert "--workers 2 needs --runner multi_processing" in capsys.readouterr().err
