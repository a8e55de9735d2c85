"""What the commands take that run the pipeline, and the one that plans a run."""

import argparse
from collections.abc import Callable
from pathlib import Path

from components import spans, storage
from pipeline.commands import (
    Commands,
    add_command,
    add_config_options,
    add_json,
    add_weights,
    positive,
)
from pipeline.presets import SAMPLE
from trainer.errors import ConfigError

_PLAN_EPILOG = """\
examples:
  frostline plan --data photos --work-dir runs/photos --set model.dropout=0.3

It takes the arguments of run. What it says is cached is asked of TFX's own cache; seconds are those
of earlier runs in the same work directory.

exit codes: 0 planned, 1 unexpected, 2 usage, or a run would refuse the data, weights or room
"""
_TUNE_EPILOG = """\
examples:
  frostline tune --data photos --work-dir runs/photos --trials 20
  frostline run --data photos --work-dir runs/photos --set tune.enabled=true

Trials are judged on training images that are held out: neither the validation nor the test images
have a say. What is searched is in the section tune of `frostline config`.

exit codes: 0 tuned, and the others as those of run
"""


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_run(commands)
    _add_plan(commands)
    _add_tune(commands)


def add_run_options(run: argparse.ArgumentParser, *, is_local: bool = True) -> None:
    """Add all that says what a run is to do.

    Args:
      is_local: whether a work directory is needed: a cluster's pods have none.
    """
    _add_force_bless(run)
    _add_job(run)
    _add_work_dir(run, is_local=is_local)
    add_weights(run)
    add_config_options(run)


def check_data_is_named(options: argparse.Namespace) -> None:
    """Refuse a run whose data nobody has named.

    Raises:
      ConfigError: there is no --data and nothing that makes any, or a --span of none.
    """
    if options.data is None and options.preset != SAMPLE:
        raise ConfigError(
            "--data DIR is missing: a folder with a subfolder of images for each class, a "
            "manifest or an archive "
            f"(only --preset {SAMPLE} makes its own)"
        )
    if options.data is None and options.span is not None:
        raise ConfigError(f"--span {options.span} needs --data DIR with folders DIR/span-<N>/")


def _add_run(commands: Commands) -> None:
    run = add_command(commands, "run", "train, judge and push a classifier")
    run.set_defaults(json=False)
    add_run_options(run)
    _add_detail(run)


def _add_plan(commands: Commands) -> None:
    summary = "tell what a run would do and why, how long and with how much room; nothing is begun"
    plan = add_command(commands, "plan", summary, epilog=_PLAN_EPILOG)
    add_json(plan)
    add_run_options(plan)


def _add_force_bless(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force-bless",
        type=_reason("the model is pushed as it is"),
        metavar="REASON",
        help="push a model that failed the Evaluator's checks; the reason is kept with the model. "
        "It overrules neither the serving gate nor an untrained base",
    )


def _add_tune(commands: Commands) -> None:
    summary = "search for better settings of the head on frozen features, and train nothing else"
    tune = add_command(commands, "tune", summary, epilog=_TUNE_EPILOG)
    tune.set_defaults(force_bless=None)
    tune.add_argument("--trials", type=positive, metavar="N", help="as --set tune.trials=N")
    tune.add_argument("--json", action="store_true", help="print summary.json and nothing else")
    _add_job(tune)
    _add_work_dir(tune, is_local=True)
    add_weights(tune)
    add_config_options(tune)
    _add_detail(tune)


def _add_detail(run: argparse.ArgumentParser) -> None:
    run.set_defaults(detail="normal")
    detail = run.add_mutually_exclusive_group()
    for name, summary in (
        ("quiet", "print warnings and how it ended, and no progress"),
        ("verbose", "print the log, too, in place of the live table"),
    ):
        detail.add_argument(
            f"--{name}", dest="detail", action="store_const", const=name, help=summary
        )


def _add_job(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--data",
        type=data_path,
        metavar="DIR|FILE|URL",
        help="images: DIR/<class>/* or DIR/{train,validation[,test]}/<class>/*, a zip or tar of "
        "such folders, a CSV or JSONL manifest (path,label[,split][,group]), or TFRecords in "
        "DIR/Split-<split>/*; here or on gs:// or s3:// "
        f"(--preset {SAMPLE} makes its own)",
    )
    run.add_argument(
        "--span",
        type=which_spans,
        metavar="latest|N|N..M",
        help="which of the folders DIR/span-<N>/ to train on, where there are any; default: "
        "latest, the one with the highest number",
    )
    run.add_argument(
        "--accept-data",
        type=_reason("the data are accepted as they are"),
        metavar="REASON",
        help="go on although the data gate refuses the data; the reason is kept with the run, and "
        "later data are compared with these",
    )


def _add_work_dir(run: argparse.ArgumentParser, *, is_local: bool) -> None:
    kept = "where everything of the run is kept; the model is pushed to DIR/serving"
    ignored = "taken and left alone: pods keep their state in kubeflow.state"
    run.add_argument(
        "--work-dir",
        type=Path,
        metavar="DIR",
        required=is_local,
        help=kept if is_local else ignored,
    )


def data_path(text: str) -> str:
    """A data set, as an argument's type."""
    if not text:
        raise argparse.ArgumentTypeError("should name a folder, a file or a URL")
    return storage.plain(text)


def which_spans(text: str) -> str:
    """Spans, as an argument's type."""
    if not spans.is_valid(text):
        raise argparse.ArgumentTypeError(f"should be latest, N, or N..M with N up to M: {text}")
    return text


def _reason(what: str) -> Callable[[str], str]:
    """The type of an argument that says why something is done."""

    def reason(text: str) -> str:
        if not text.strip():
            raise argparse.ArgumentTypeError(f"should say why {what}")
        return text.strip()

    return reason
