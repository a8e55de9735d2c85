"""What the command `frostline` takes: its commands, options and help."""

import argparse
from pathlib import Path

from pipeline import overview_arguments, run_arguments
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
from pipeline.serving import arguments as serve_arguments

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
    run_arguments.add(commands)
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


def _add_data(commands: Commands) -> None:
    summary = "look at a data set without training: counts, properties, leaks, the worst files"
    data = add_command(commands, "data", summary, epilog=_DATA_EPILOG)
    data.set_defaults(weights=None)
    data.add_argument(
        "data", type=run_arguments.data_path, metavar="DIR|FILE|URL", help="as --data of run"
    )
    data.add_argument(
        "--span", type=run_arguments.which_spans, metavar="latest|N|N..M", help="as --span of run"
    )
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


def _png(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"should be a file that ends in .png: {text}")
    return Path(text)
