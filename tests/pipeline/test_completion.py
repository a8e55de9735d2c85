"""A shell completes what the parser knows, asked as bash asks."""

import shutil
import subprocess

import pytest

from pipeline import arguments, completion

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_frostline frostline "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def completed(tmp_path):
    script = tmp_path / "completion.bash"
    script.write_text(completion.script(arguments.parser(), "bash"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photo.toml").touch()

    def complete(*words):
        answer = subprocess.run(
            ["bash", "-c", ASK, "bash", script, "frostline", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return sorted(answer.stdout.split())

    return complete


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["doc"], ["doctor"]),
        (["run", "--pre"], ["--preset"]),
        (["run", "--preset", "c"], ["course"]),
        (["schema", "fr"], ["freeze"]),
        (["doctor", "--work-dir", "pho"], ["photos"]),
        (["run", "--config", "pho"], ["photo.toml", "photos"]),
        (["run", "--set", "pho"], []),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_options_choices_and_files(completed, words, found):
    assert completed(*words) == found


def test_zsh_is_told_the_commands_and_what_they_do():
    script = completion.script(arguments.parser(), "zsh")
    assert script.startswith("#compdef frostline")
    assert "doctor:'check this machine" in script


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh on the PATH")
def test_zsh_reads_the_script():
    script = completion.script(arguments.parser(), "zsh")
    subprocess.run(["zsh", "-n"], input=script, text=True, check=True)
