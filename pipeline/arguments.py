"""What the command `frostline` takes: its commands, options and help."""

import argparse
from collections.abc import Callable
from pathlib import Path

from components import spans, storage
from pipeline import overview_arguments
from pipeline.bulk import arguments as bulk_arguments
from pipeline.commands import (
    Commands,
    add_command,
    add_config_options,
    add_json,
    add_weights,
    add_work_dir,
    positive,
)
from pipeline.presets import SAMPLE
from pipeline.serving import arguments as serve_arguments
from trainer.errors import ConfigError

_EPILOG = """\
examples:
  frostline run --preset sample --work-dir runs/sample
  frostline data photos
  frostline run --data photos --work-dir runs/photos
  frostline predict --model runs/photos cat.jpg

exit codes of run: 0 pushed, 1 unexpected, 2 usage or configuration, 3 model not blessed,
  4 stopped by the data gate, 5 stopped by the serving gate
"""

_DATA_EPILOG = """\
examples:
  frostline data photos
  frostline data photos --sheet worst.png
  frostline data photos --json --set data.min_size_pixels=64

exit codes: 0 a run would accept the data, 1 unexpected, 2 nothing to look at, or usage,
  4 a run would refuse the data. What a run holds against a schema, against earlier data or
  between splits' statistics is not judged here.
"""


_TUNE_EPILOG = """\
examples:
  frostline tune --data photos --work-dir runs/photos --trials 20
  frostline run --data photos --work-dir runs/photos --set tune.enabled=true

Trials are judged on training images that are held out: neither the validation nor the test images
have a say. What is searched is in the section tune of `frostline config`.

exit codes: 0 tuned, and the others as those of run
"""


def parser() -> argparse.ArgumentParser:
    """The parser; `command` is the name of the command, as in `schema freeze`, or None."""
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
    _add_tune(commands)
    _add_data(commands)
    _add_config(commands)
    _add_schema(commands)
    _add_predict(commands)
    bulk_arguments.add(commands)
    serve_arguments.add(commands)
    _add_models(commands)
    _add_rollback(commands)
    _add_gc(commands)
    overview_arguments.add(commands)
    return parser


def _add_run(commands: Commands) -> None:
    run = add_command(commands, "run", "train, judge and push a classifier")
    run.set_defaults(json=False)
    add_run_options(run)


def _add_tune(commands: Commands) -> None:
    summary = "search for better settings of the head on frozen features, and train nothing else"
    tune = add_command(commands, "tune", summary, epilog=_TUNE_EPILOG)
    tune.set_defaults(force_bless=None)
    tune.add_argument("--trials", type=positive, metavar="N", help="as --set tune.trials=N")
    tune.add_argument("--json", action="store_true", help="print summary.json and nothing else")
    _add_job(tune)
    _add_work_dir(tune)
    add_weights(tune)
    add_config_options(tune)


def add_run_options(run: argparse.ArgumentParser, *, is_local: bool = True) -> None:
    """Add all that `frostline run` takes; a work directory is needed where the run is local."""
    run.add_argument(
        "--force-bless",
        type=_reason("the model is pushed as it is"),
        metavar="REASON",
        help="push a model that failed the Evaluator's checks; the reason is kept with the model. "
        "It overrules neither the serving gate nor an untrained base",
    )
    _add_job(run)
    _add_work_dir(run, is_local=is_local)
    add_weights(run)
    add_config_options(run)


def _add_job(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--data",
        type=_data,
        metavar="DIR|FILE|URL",
        help="images: DIR/<class>/* or DIR/{train,validation[,test]}/<class>/*, a zip or tar of "
        "such folders, a CSV or JSONL manifest (path,label[,split][,group]), or TFRecords in "
        "DIR/Split-<split>/*; here or on gs://, s3://, hdfs:// "
        f"(--preset {SAMPLE} makes its own)",
    )
    run.add_argument(
        "--span",
        type=_span,
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


def _add_work_dir(run: argparse.ArgumentParser, *, is_local: bool = True) -> None:
    kept = "where everything of the run is kept; the model is pushed to DIR/serving"
    ignored = "taken and left alone: pods keep their state in kubeflow.state"
    run.add_argument(
        "--work-dir",
        type=Path,
        metavar="DIR",
        required=is_local,
        help=kept if is_local else ignored,
    )


def _add_data(commands: Commands) -> None:
    summary = "look at a data set without training: counts, properties, leaks, the worst files"
    data = add_command(commands, "data", summary, epilog=_DATA_EPILOG)
    data.set_defaults(weights=None)
    data.add_argument("data", type=_data, metavar="DIR|FILE|URL", help="as --data of run")
    data.add_argument("--span", type=_span, metavar="latest|N|N..M", help="as --span of run")
    data.add_argument(
        "--sheet",
        type=_png,
        metavar="FILE.png",
        help="draw a contact sheet: files set aside, look-alikes across splits, the darkest, "
        "blurriest, smallest and longest images",
    )
    add_json(data)
    add_config_options(data)


def _add_config(commands: Commands) -> None:
    summary = "print the resolved configuration as TOML, which --config reads"
    config = add_command(commands, "config", summary)
    add_weights(config)
    add_config_options(config)


def _add_schema(commands: Commands) -> None:
    summary = "freeze, show or compare the schema that data are held against"
    schema = add_command(commands, "schema", summary)
    actions = schema.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, summary in (
        ("freeze", "write the latest run's schema, to be curated and then kept to"),
        ("show", "print the schema in use, readably"),
        (
            "diff",
            "compare the frozen schema with what the latest data suggest; "
            "exit code 1 where they differ",
        ),
    ):
        parser = add_command(actions, name, summary)
        parser.set_defaults(command=f"schema {name}")
        add_work_dir(parser)
        if name == "freeze":
            parser.add_argument(
                "--output", type=Path, metavar="FILE", help="default: DIR/schema/schema.pbtxt"
            )


def _add_predict(commands: Commands) -> None:
    summary = "predict the class of images, one line each"
    predict = add_command(commands, "predict", summary)
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
        "--format", choices=["jsonl", "csv", "parquet"], default="jsonl", help="default: jsonl"
    )
    predict.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write here, at once at the end; a run that was interrupted is gone on with",
    )
    predict.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="images at once; default: 32"
    )
    predict.add_argument(
        "--concurrency",
        type=positive,
        default=1,
        metavar="N",
        help="batches that are sent to a URL at once; default: 1",
    )


def _add_models(commands: Commands) -> None:
    summary = "list the models of a work directory: served, kept, withdrawn or refused, and why"
    models = add_command(commands, "models", summary)
    add_work_dir(models)
    add_json(models)


def _add_rollback(commands: Commands) -> None:
    summary = "serve an earlier version again; the later ones are put aside, not deleted"
    rollback = add_command(commands, "rollback", summary)
    add_work_dir(rollback)
    rollback.add_argument(
        "--to",
        type=positive,
        metavar="VERSION",
        help="the version to serve, an earlier or a withdrawn one; default: the one before the "
        "one that is served",
    )
    rollback.add_argument(
        "--model-name", metavar="NAME", help="which model, where several are served"
    )


def _add_gc(commands: Commands) -> None:
    summary = "remove artifacts, features and caches that no recent run uses; never what is served"
    gc = add_command(commands, "gc", summary)
    add_work_dir(gc)
    gc.add_argument(
        "--keep-runs",
        type=positive,
        default=3,
        metavar="N",
        help="keep what the latest N runs use, and the run that pushed last; default: 3",
    )
    gc.add_argument(
        "--dry-run", action="store_true", help="remove nothing, and tell what would be removed"
    )


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


def _data(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("should name a folder, a file or a URL")
    return storage.plain(text)


def _reason(what: str) -> Callable[[str], str]:
    """The type of an argument that says why something is done."""

    def reason(text: str) -> str:
        if not text.strip():
            raise argparse.ArgumentTypeError(f"should say why {what}")
        return text.strip()

    return reason


def _span(text: str) -> str:
    if not spans.is_valid(text):
        raise argparse.ArgumentTypeError(f"should be latest, N, or N..M with N up to M: {text}")
    return text


def _png(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"should be a file that ends in .png: {text}")
    return Path(text)
