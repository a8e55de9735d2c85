"""The commands that look at runs and at this machine, and the one to begin with.

Each imports what it needs, so that help comes at once, and returns its exit code.
"""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import Config

UNFIT = 1
REFUSED = 2  # As a run answers that finds no room.
_WIDTH = 100


def runs(options: argparse.Namespace) -> int:
    """List the runs of a work directory."""
    from pipeline import run_table
    from pipeline.workdir import WorkDir

    found = run_table.entries(WorkDir(options.work_dir.resolve()))
    if options.json:
        return _print_json([asdict(entry) for entry in found])
    return _print(run_table.lines(found, width=_width()) if found else ["nothing has been run yet"])


def plan(options: argparse.Namespace, config: "Config") -> int:
    """Tell what a run would do; `REFUSED` where there is no room for it."""
    from pipeline import plan, plan_text

    question = plan.Question(
        config, options.data, options.span, options.accept_data, options.force_bless
    )
    made = plan.make(question, options.work_dir)
    if options.json:
        _print_json(plan_text.to_json(made))
    else:
        words = ["frostline", "run", *options.argv[2:]]
        _print(plan_text.lines(made, command=shlex.join(words), width=_width()))
    return 0 if made.is_possible else REFUSED


def compare(options: argparse.Namespace) -> int:
    """Tell what changed from one run to another."""
    from pipeline import comparison, comparison_text
    from pipeline.workdir import WorkDir

    found = comparison.compare(WorkDir(options.work_dir.resolve()), options.a, options.b)
    if options.json:
        return _print_json(asdict(found))
    return _print(comparison_text.lines(found, width=_width()))


def lineage(options: argparse.Namespace) -> int:
    """Trace a pushed model back."""
    from pipeline import pushed_versions

    wanted = pushed_versions.wanted(options.model, options.work_dir)
    from pipeline import lineage, lineage_text

    found = lineage.trace(wanted)
    if options.json:
        return _print_json(asdict(found))
    return _print(lineage_text.lines(found, width=_width()))


def doctor(options: argparse.Namespace) -> int:
    """Check this machine, each thing as soon as it is known; `UNFIT` where something fails."""
    from pipeline import config, doctor, findings

    resolved = config.resolve(
        preset=options.preset,
        file=options.config,
        overrides=options.overrides,
        weights=options.weights,
    )
    found = []
    for finding in doctor.examine(resolved, data=options.data, work_dir=options.work_dir):
        found.append(finding)
        if not options.json:
            _print(findings.lines(finding, width=_width()))
    if options.json:
        _print_json([asdict(finding) for finding in found])
    return UNFIT if any(finding.state == "fail" for finding in found) else 0


def init(options: argparse.Namespace) -> int:
    """Write a config file to start from."""
    from pipeline import config_file

    path = config_file.write(options.folder, preset=options.preset)
    command = shlex.join(["frostline", "run", "--config", str(path)])
    return _print([str(path), f"next  {command} --data DIR --work-dir DIR"])


def completion(options: argparse.Namespace) -> int:
    """Print a script for a shell."""
    from pipeline import arguments, completion

    return _print([completion.script(arguments.parser(), options.shell)])


def _width() -> int:
    return shutil.get_terminal_size((_WIDTH, 0)).columns


def _print(lines: Iterable[str]) -> int:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    return 0


def _print_json(value: object) -> int:
    return _print([json.dumps(value, indent=2, ensure_ascii=False)])
