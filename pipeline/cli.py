"""The command `frostline`. Each command imports what it needs, so that help comes at once."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline import arguments, overview_commands, run_arguments
from pipeline.bulk import arguments as bulk_arguments
from trainer.errors import FrostlineError

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.workdir import WorkDir

UNEXPECTED = 1
DIFFERENT = 1  # What diff answers.
USAGE = 2
_WIDTH = 100
INTERRUPTED = 130  # What a shell reports after Ctrl-C.


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = arguments.parser()
    ours, beam_options = bulk_arguments.split(words)
    options = parser.parse_args(ours)
    options.beam_options = beam_options
    if options.version:
        return _version()
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    options.argv = ["frostline", *words]
    return _guarded(_COMMANDS[options.command], options)


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
    return _run_pipeline(options, until_tuned=False)


def _tune(options: argparse.Namespace) -> int:
    options.overrides.append("tune.enabled=true")
    if options.trials is not None:
        options.overrides.append(f"tune.trials={options.trials}")
    return _run_pipeline(options, until_tuned=True)


def _run_pipeline(options: argparse.Namespace, *, until_tuned: bool) -> int:
    config = _resolved_for_run(options)
    from pipeline import local

    return local.run(
        config=config,
        data=options.data,
        span=options.span,
        work_dir=options.work_dir,
        preset=options.preset,
        command=options.argv,
        accept_reason=options.accept_data,
        force_bless=options.force_bless,
        until_tuned=until_tuned,
        is_json=options.json,
        detail=options.detail,
    )


def _plan(options: argparse.Namespace) -> int:
    return overview_commands.plan(options, _resolved_for_run(options))


def _resolved_for_run(options: argparse.Namespace) -> "Config":
    run_arguments.check_data_is_named(options)
    return _resolved(options)


def _schema_freeze(options: argparse.Namespace) -> int:
    from pipeline import schema

    path = schema.freeze(_work_dir(options), options.output)
    sys.stdout.write(f"{path}\nCurate it by hand; the next run holds its data against it.\n")
    return 0


def _schema_show(options: argparse.Namespace) -> int:
    from pipeline import schema

    sys.stdout.write("\n".join(schema.readable(schema.in_use(_work_dir(options)))) + "\n")
    return 0


def _schema_diff(options: argparse.Namespace) -> int:
    from pipeline import schema

    lines = schema.difference(_work_dir(options))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return DIFFERENT if lines else 0


def _work_dir(options: argparse.Namespace) -> "WorkDir":
    from pipeline.workdir import WorkDir

    return WorkDir(options.work_dir.resolve())


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
            concurrency=options.concurrency,
        )
    except models.ServerError as error:
        _complain(str(error))
        return UNEXPECTED
    if failures:
        _complain(f"{failures} image(s) could not be predicted; their lines say why")
    return UNEXPECTED if failures else 0


def _bulk_predict(options: argparse.Namespace) -> int:
    from pipeline.bulk import command

    return command.bulk_predict(options)


def _serve(options: argparse.Namespace) -> int:
    from pipeline.serving import command

    return command.serve(options)


def _data(options: argparse.Namespace) -> int:
    config = _resolved(options)
    from pipeline import data

    return data.look(
        config=config,
        data=options.data,
        span=options.span,
        sheet=options.sheet,
        is_json=options.json,
    )


def _open(options: argparse.Namespace) -> int:
    import webbrowser

    from pipeline.report import latest

    path = latest.find(_work_dir(options))
    if options.print:
        sys.stdout.write(f"{path}\n")
        return 0
    if webbrowser.open(path.as_uri()):
        return 0
    _complain(f"no browser was found to open {path}; copy the file, or give --print for its path")
    return UNEXPECTED


def _models(options: argparse.Namespace) -> int:
    from pipeline import model_table

    found = model_table.entries(_work_dir(options))
    if options.json:
        sys.stdout.write(json.dumps([asdict(entry) for entry in found], indent=2) + "\n")
        return 0
    width = max(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDTH)
    lines = model_table.lines(found, width=width) or ["no model has been judged yet"]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from pipeline import rollback

    done = rollback.roll_back(
        options.work_dir.resolve(), model_name=options.model_name, to=options.to
    )
    for version in done.withdrawn:
        sys.stdout.write(f"withdrawn  {version}\n")
    sys.stdout.write(f"served     {done.folder}\n")
    return 0


def _gc(options: argparse.Namespace) -> int:
    from pipeline import gc

    lines = gc.collect(
        options.work_dir.resolve(), keep_runs=options.keep_runs, is_dry=options.dry_run
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


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


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "plan": _plan,
    "tune": _tune,
    "data": _data,
    "schema freeze": _schema_freeze,
    "schema show": _schema_show,
    "schema diff": _schema_diff,
    "config": _config,
    "init": overview_commands.init,
    "completion": overview_commands.completion,
    "predict": _predict,
    "bulk-predict": _bulk_predict,
    "serve": _serve,
    "runs": overview_commands.runs,
    "open": _open,
    "compare": overview_commands.compare,
    "lineage": overview_commands.lineage,
    "doctor": overview_commands.doctor,
    "models": _models,
    "rollback": _rollback,
    "gc": _gc,
}
