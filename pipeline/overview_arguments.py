"""What the commands take that look at runs and at this machine, and the one to begin with."""

from pathlib import Path

from pipeline.commands import (
    Commands,
    add_command,
    add_config_options,
    add_json,
    add_preset,
    add_weights,
    add_work_dir,
)

_RUNS_EPILOG = """\
The latest run comes first. Under each are its preset, its data, the settings that are not as in
the run before it, and the checks that it failed. `frostline compare` tells everything of two.
"""
_COMPARE_EPILOG = """\
examples:
  frostline compare 20261123-1607 latest --work-dir runs/photos
  frostline compare 20261122 20261123 --work-dir runs/photos --json

exit codes: 0 compared, whatever came out, 2 no such run, or usage
"""
_LINEAGE_EPILOG = """\
examples:
  frostline lineage runs/photos/serving/frostline/1795472250
  frostline lineage 1795472250 --work-dir runs/photos --json

A version that made room or was withdrawn is told of as well: `frostline models` lists them all.

exit codes: 0 traced, 2 no such version, or usage
"""
_DOCTOR_EPILOG = """\
examples:
  frostline doctor
  frostline doctor --data photos --work-dir runs/photos --preset course

A fail would end a run, a warn makes it slower or less than it could be. Nothing is downloaded.
Where the environment variable KF_PIPELINES_ENDPOINT is set, Kubeflow is asked for an answer.

exit codes: 0 nothing fails, 1 something fails, 2 usage or configuration
"""
_COMPLETION_EPILOG = """\
examples:
  frostline completion bash > ~/.local/share/bash-completion/completions/frostline
  frostline completion zsh > ~/.zfunc/_frostline     (with ~/.zfunc in fpath)
"""
_INIT_EPILOG = """\
examples:
  frostline init .
  frostline init experiments/course --preset course
  frostline run --config frostline.toml --data photos --work-dir runs/photos
"""


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_runs(commands)
    _add_open(commands)
    _add_compare(commands)
    _add_lineage(commands)
    _add_doctor(commands)
    _add_init(commands)
    _add_completion(commands)


def _add_runs(commands: Commands) -> None:
    summary = "list the runs of a work directory: data, changed settings, metrics and verdict"
    runs = add_command(commands, "runs", summary, epilog=_RUNS_EPILOG)
    add_work_dir(runs)
    add_json(runs)


def _add_open(commands: Commands) -> None:
    report = add_command(commands, "open", "open the report of the latest run in a browser")
    add_work_dir(report)
    report.add_argument("--print", action="store_true", help="print its path, and open nothing")


def _add_compare(commands: Commands) -> None:
    summary = "tell what changed from one run to another: settings, data, code, metrics, checks"
    compare = add_command(commands, "compare", summary, epilog=_COMPARE_EPILOG)
    what = "a run's id as `frostline runs` lists it, its beginning, or latest"
    compare.add_argument("a", metavar="A", help=what)
    compare.add_argument("b", metavar="B", help="the run to compare it with, named likewise")
    add_work_dir(compare)
    add_json(compare)


def _add_lineage(commands: Commands) -> None:
    summary = "trace a pushed model back to its data, code, weights and settings"
    lineage = add_command(commands, "lineage", summary, epilog=_LINEAGE_EPILOG)
    lineage.add_argument(
        "model", metavar="MODEL", help="the folder of a pushed version, or its number"
    )
    lineage.add_argument("--work-dir", type=Path, metavar="DIR", help="needed with a number")
    add_json(lineage)


def _add_doctor(commands: Commands) -> None:
    summary = "check this machine, the weights and the room for a run; each problem with its fix"
    doctor = add_command(commands, "doctor", summary, epilog=_DOCTOR_EPILOG)
    doctor.add_argument("--data", metavar="DIR|FILE|URL", help="as --data of run")
    doctor.add_argument(
        "--work-dir",
        type=Path,
        metavar="DIR",
        default=Path(),
        help="where a run would keep everything; default: the current folder",
    )
    add_json(doctor)
    add_weights(doctor)
    add_config_options(doctor)


def _add_init(commands: Commands) -> None:
    summary = "write a config file to start from, in which every setting is explained"
    init = add_command(commands, "init", summary, epilog=_INIT_EPILOG)
    init.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="where frostline.toml is written; one that is there is never overwritten",
    )
    add_preset(init)


def _add_completion(commands: Commands) -> None:
    summary = "print a script with which a shell completes commands, options and files"
    completion = add_command(commands, "completion", summary, epilog=_COMPLETION_EPILOG)
    completion.add_argument("shell", choices=["bash", "zsh"])
