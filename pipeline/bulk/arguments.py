"""What `frostline bulk-predict` takes."""

import argparse
from collections.abc import Sequence

from pipeline.commands import Commands, add_command, positive

NAME = "bulk-predict"

_EPILOG = """\
examples:
  frostline bulk-predict --model runs/photos --output predictions photos
  frostline bulk-predict --model runs/photos --output predictions --format parquet \\
    --runner multi_processing gs://bucket/photos more.tar
  frostline bulk-predict --model gs://bucket/serving/frostline --output gs://bucket/predictions \\
    gs://bucket/photos -- --runner=DataflowRunner --project=P --region=R \\
    --temp_location=gs://bucket/tmp --sdk_container_image=IMAGE

What follows -- are Beam's own options, which have the last word.

exit codes: 0 every image is predicted, 1 some are not (their rows say why), or unexpected,
  2 usage: an argument, the model, the images, or an output that is there already
"""


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command line, and Beam's own options, which follow `--`."""
    words = list(words)
    if words[:1] != [NAME] or "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    summary = "predict millions of images with Beam, into shards that appear when all are there"
    bulk = add_command(commands, NAME, summary, epilog=_EPILOG)
    bulk.usage = "%(prog)s --model DIR --output DIR [options] PATH... [-- BEAM_OPTION...]"
    bulk.add_argument(
        "--model", required=True, metavar="DIR", help="a work directory, or a pushed model"
    )
    bulk.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the folder to be made; it appears, whole, at the end",
    )
    bulk.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a folder of images in any depth, a zip or tar archive, a manifest (path[,label]), "
        "TFRecords, or an image; here or on gs://, s3://",
    )
    bulk.add_argument(
        "--format", choices=["jsonl", "csv", "parquet"], default="jsonl", help="default: jsonl"
    )
    _add_speed(bulk)


def _add_speed(bulk: argparse.ArgumentParser) -> None:
    bulk.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="images at once; default: 32"
    )
    bulk.add_argument(
        "--runner",
        choices=["in_process", "multi_processing"],
        default="in_process",
        help="multi_processing: a worker process a core, each with the model; default: in_process",
    )
    bulk.add_argument("--workers", type=positive, metavar="N", help="processes; default: all cores")
