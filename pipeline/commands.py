"""What the arguments of several commands have in common."""

import argparse
from pathlib import Path
from typing import TypeAlias

from pipeline.presets import DEFAULT, PRESETS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands, name: str, summary: str, *, epilog: str | None = None
) -> argparse.ArgumentParser:
    """Add a command; the summary is its line in the list of commands, too."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=name)
    return parser


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add what makes a configuration: --config and --set, and --preset."""
    options = parser.add_argument_group("configuration", "defaults < preset < file < --set")
    add_preset(options)
    options.add_argument("--config", type=Path, metavar="FILE.toml", help="a file of settings")
    options.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, as in train.epochs=5; can be given again",
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Add --weights."""
    parser.add_argument(
        "--weights",
        metavar="auto|PATH|random",
        help="weights of the base (model.weights): a file, found or downloaded, or none at all",
    )


def add_preset(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add --preset."""
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        default=DEFAULT,
        help="default: what measures best; course: the course's recipe; sample: small and quick",
    )


def add_work_dir(parser: argparse.ArgumentParser) -> None:
    """Add the work directory of runs, which has to be named."""
    parser.add_argument("--work-dir", type=Path, metavar="DIR", required=True)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, as all listings have it."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def positive(text: str) -> int:
    """A whole number from 1, as an argument's type."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number from 1: {text}")
    return number
