"""The command line of kubeflow/run_compiled.py."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.errors import ConfigError, FrostlineError

USAGE = 2
INTERRUPTED = 130

_DESCRIPTION = """\
Runs a compiled pipeline (any PipelineSpec of schema 2.1) on this machine, step by step, as
Kubeflow's driver and launcher would: each step is a process with an empty file system, its
inputs are staged from a folder that stands for all buckets and its outputs uploaded to it;
caching, retries, conditions, exit tasks and parameters follow Kubeflow's rules. Images are not
pulled: `python` is the Python that runs this."""
_ENDING = """\
exit codes: 0 the run succeeded, 1 a step failed, 2 the file or an argument is wrong, 130 Ctrl-C.
BUCKET/runs/<run>/ keeps run.json and a log for each step; a claim without --volume lies in
BUCKET/volumes/<claim>/."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # As Ctrl-C: end the step, too.
    from pipeline.cluster import execution, runtime_parameters

    try:
        return execution.run(
            options.file,
            parameters=runtime_parameters.values(options.file, options.parameters),
            bucket=options.bucket,
            volumes=dict(_volume(word) for word in options.volumes),
            keeps_pods=options.keep,
        )
    except FrostlineError as error:
        sys.stderr.write(f"run_compiled.py: error: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _volume(word: str) -> tuple[str, Path]:
    name, sign, folder = word.partition("=")
    if not sign or not name or not folder:
        raise ConfigError(f"--volume {word} should be NAME=DIR, as in frostline-state=state")
    return name, Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_compiled.py",
        description=_DESCRIPTION,
        epilog=_ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="pipeline.yaml", help="what compile.py wrote")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        dest="parameters",
        metavar="NAME=VALUE",
        help="a runtime parameter; may be given again",
    )
    parser.add_argument(
        "--bucket",
        type=Path,
        default=Path("bucket"),
        metavar="DIR",
        help="stands for all buckets; gs://b/k lies in DIR/gcs/b/k (default: bucket)",
    )
    parser.add_argument(
        "--volume",
        action="append",
        default=[],
        dest="volumes",
        metavar="NAME=DIR",
        help="the folder of a claim, a secret or a config map; may be given again",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep each pod's file system under BUCKET/runs/"
    )
    return parser
