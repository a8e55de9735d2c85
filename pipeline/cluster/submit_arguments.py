"""What kubeflow/submit.py takes."""

import argparse
from pathlib import Path

from pipeline.cluster.connection import ENDPOINT, TOKEN
from pipeline.commands import Commands, add_command, add_json

EXPERIMENT = "frostline"
_EPILOG = """\
examples:
  python kubeflow/submit.py run pipeline.yaml --endpoint http://localhost:8080 --wait
  python kubeflow/submit.py schedule pipeline.yaml --name nightly --cron "0 2 * * *"
  python kubeflow/submit.py status RUN
  python kubeflow/submit.py wait RUN --limit 6h
"""
_WAIT_EPILOG = """\
exit codes of waiting: those of `frostline run`: 0 pushed, 1 failed, 2 usage, or Kubeflow refuses or
does not answer, 3 model not blessed, 4 stopped by the data gate, 5 stopped by the serving gate, 130
stopped by somebody; and 124 where the run goes on after --limit. Kubeflow's API does not tell 3 and
5 from 0: that takes --state.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    made = argparse.ArgumentParser(
        prog="submit.py",
        description="Run a compiled pipeline on Kubeflow Pipelines, now or again and again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_schedule(commands)
    _add_status(commands)
    _add_wait(commands)
    return made


def _add_run(commands: Commands) -> None:
    run = add_command(commands, "run", "start a run of a compiled pipeline", epilog=_WAIT_EPILOG)
    _add_job(run)
    run.add_argument("--name", help="the run's (default: the file's name and the time)")
    run.add_argument("--wait", action="store_true", help="wait until it is over; its exit code")
    _add_waiting(run)
    _add_connection(run)


def _add_schedule(commands: Commands) -> None:
    schedule = add_command(commands, "schedule", "have a compiled pipeline run again and again")
    _add_job(schedule)
    schedule.add_argument("--name", required=True, help="the schedule's; unique in its experiment")
    when = schedule.add_mutually_exclusive_group(required=True)
    when.add_argument(
        "--cron",
        metavar="FIELDS",
        help='minute, hour, day, month, weekday, as in "0 2 * * *", in the time of the cluster; '
        "six fields have the second in front",
    )
    when.add_argument("--every", metavar="TIME", help="as in 90s, 15m, 6h, 1d or 1w")
    schedule.add_argument(
        "--catch-up",
        action="store_true",
        help="make up for runs that were missed while the schedule was paused",
    )
    schedule.add_argument(
        "--replace", action="store_true", help="take the place of the schedule of that name"
    )
    _add_connection(schedule)


def _add_status(commands: Commands) -> None:
    status = add_command(commands, "status", "tell how far a run has come")
    status.add_argument("run", metavar="RUN", help="the run's id, as `run` prints it")
    _add_connection(status)


def _add_wait(commands: Commands) -> None:
    wait = add_command(
        commands, "wait", "wait until a run is over; its exit code", epilog=_WAIT_EPILOG
    )
    wait.add_argument("run", metavar="RUN", help="the run's id, as `run` prints it")
    _add_waiting(wait)
    _add_connection(wait)


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--poll", metavar="TIME", default="15s", help="between two questions (15s)")
    parser.add_argument("--limit", metavar="TIME", help="wait no longer, as in 6h")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where the volume of kubeflow.state is mounted here: the run's summary tells more",
    )


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.yaml", help="of kubeflow/compile.py")
    parser.add_argument("--experiment", default=EXPERIMENT, help=f"made if new ({EXPERIMENT})")
    parser.add_argument(
        "--parameter",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one of the pipeline's parameters, as in epochs=5; can be given again",
    )
    parser.add_argument("--no-cache", action="store_true", help="have every step run")
    parser.add_argument("--root", metavar="URI", help="where artifacts go, not where FILE says")
    parser.add_argument("--service-account", metavar="NAME", help="the pods' own")


def _add_connection(parser: argparse.ArgumentParser) -> None:
    place = parser.add_argument_group("Kubeflow Pipelines")
    place.add_argument(
        "--endpoint", metavar="URL", help=f"default: ${ENDPOINT}, else the pod's own"
    )
    place.add_argument("--namespace", help="yours, where Kubeflow keeps users apart")
    place.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"default: ${TOKEN}, else the pod's service account",
    )
    place.add_argument("--ca-file", type=Path, metavar="FILE", help="for the server's certificate")
    place.add_argument("--timeout", metavar="TIME", default="30s", help="for each answer (30s)")
    add_json(parser)
