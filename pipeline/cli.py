"""The command `frostline`. Each command imports what it needs, so that help comes at once."""

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pipeline.presets import DEFAULT, PRESETS, SAMPLE
from trainer.errors import ConfigError, FrostlineError

if TYPE_CHECKING:
    from pipeline.config import Config

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

UNEXPECTED = 1
USAGE = 2
INTERRUPTED = 130  # What a shell reports after Ctrl-C.

_EPILOG = """\
examples:
  frostline run --preset sample --work-dir runs/sample
  frostline run --data photos --work-dir runs/photos
  frostline predict --model runs/photos cat.jpg

exit codes of run: 0 pushed, 1 unexpected, 2 usage or configuration, 3 model not blessed,
  4 stopped by the data gate, 5 stopped by the serving gate
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.version:
        return _version()
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    options.argv = ["frostline", *arguments]
    return _guarded(options.command, options)


def _guarded(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    try:
        exit_code = command(options)
        sys.stdout.flush()
        return exit_code
    except FrostlineError as error:
        _complain(str(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone. Python flushes at its exit: that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED


def _run(options: argparse.Namespace) -> int:
    if options.data is None and options.preset != SAMPLE:
        raise ConfigError(
            "--data DIR is missing: the folder with a subfolder of images for each class "
            f"(only --preset {SAMPLE} makes its own)"
        )
    config = _resolved(options)
    from pipeline import local

    return local.run(
        config=config,
        data_dir=options.data,
        work_dir=options.work_dir,
        preset=options.preset,
        command=options.argv,
    )


def _config(options: argparse.Namespace) -> int:
    from pipeline import config

    sys.stdout.write(config.to_toml(_resolved(options)))
    return 0


def _resolved(options: argparse.Namespace) -> "Config":
    from pipeline import config

    return config.resolve(
        preset=options.preset,
        file=options.config,
        overrides=options.overrides,
        weights=options.weights,
    )


def _predict(options: argparse.Namespace) -> int:
    from pipeline import models, predict

    try:
        failures = predict.write(
            model=options.model,
            paths=options.paths,
            batch_size=options.batch_size,
            file_format=options.format,
            output=options.output,
        )
    except models.ServerError as error:
        _complain(str(error))
        return UNEXPECTED
    if failures:
        _complain(f"{failures} image(s) could not be predicted; their lines say why")
    return UNEXPECTED if failures else 0


def _version() -> int:
    from importlib.metadata import version

    sys.stdout.write(f"frostline {version('frostline')}\n")
    return 0


def _complain(message: str) -> None:
    lines = f"frostline: error: {message}".splitlines()
    if sys.stderr.isatty():
        # Wrapped for eyes only: a log keeps one problem on one line.
        width = shutil.get_terminal_size().columns
        lines = [
            textwrap.fill(
                line,
                width,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for line in lines
        ]
    sys.stderr.write("\n".join(lines) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="frostline",
        description="A folder of images in, a gated, served image classifier out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_run(commands)
    _add_config(commands)
    _add_predict(commands)
    return parser


def _add_run(commands: Commands) -> None:
    summary = "train, judge and push a classifier"
    run = commands.add_parser("run", help=summary, description=summary, allow_abbrev=False)
    run.set_defaults(command=_run)
    run.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of images: DIR/<class>/* or DIR/{train,validation}/<class>/* "
        f"(--preset {SAMPLE} makes its own)",
    )
    run.add_argument(
        "--work-dir",
        type=Path,
        metavar="DIR",
        required=True,
        help="where everything of the run is kept; the model is pushed to DIR/serving",
    )
    _add_config_options(run)


def _add_config(commands: Commands) -> None:
    summary = "print the resolved configuration as TOML, which --config reads"
    config = commands.add_parser("config", help=summary, description=summary, allow_abbrev=False)
    config.set_defaults(command=_config)
    _add_config_options(config)


def _add_config_options(parser: argparse.ArgumentParser) -> None:
    options = parser.add_argument_group("configuration", "defaults < preset < file < --set")
    options.add_argument(
        "--weights",
        metavar="auto|PATH|random",
        help="weights of the base (model.weights): a file, found or downloaded, or none at all",
    )
    options.add_argument(
        "--preset",
        choices=list(PRESETS),
        default=DEFAULT,
        help="default: what measures best; course: the course's recipe; sample: small and quick",
    )
    options.add_argument("--config", type=Path, metavar="FILE.toml", help="a file of settings")
    options.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, as in train.epochs=5; can be given again",
    )


def _add_predict(commands: Commands) -> None:
    summary = "predict the class of images, one line each"
    predict = commands.add_parser("predict", help=summary, description=summary, allow_abbrev=False)
    predict.set_defaults(command=_predict)
    predict.add_argument(
        "--model",
        required=True,
        metavar="DIR|URL",
        help="a work directory, a pushed model, or http://HOST:8501/v1/models/NAME",
    )
    predict.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="an image, or a folder of images"
    )
    predict.add_argument(
        "--format", choices=["jsonl", "csv"], default="jsonl", help="default: jsonl"
    )
    predict.add_argument(
        "--output", type=Path, metavar="FILE", help="write here, at once at the end"
    )
    predict.add_argument(
        "--batch-size", type=_positive, default=32, metavar="N", help="images at once; default: 32"
    )


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number from 1: {text}")
    return number
