"""What kubeflow/compile.py takes."""

import argparse
from pathlib import Path

from pipeline.run_arguments import add_run_options

_EPILOG = """\
examples:
  python kubeflow/compile.py --data gs://bucket/photos --image REF --root gs://bucket/runs \\
      -o pipeline.yaml
  python kubeflow/compile.py --preset sample --weights random --image REF --root gs://bucket/runs
  python kubeflow/compile.py --check pipeline.yaml

What the cluster is asked for is in the section kubeflow of `frostline config`.

exit codes: 0 written, 2 usage or configuration, or the check has found an error
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    made = argparse.ArgumentParser(
        prog="compile.py",
        description="Compile a run for Kubeflow Pipelines, and check what was compiled.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "--image", metavar="REF", help="the container image of every step (kubeflow.image)"
    )
    made.add_argument(
        "--root",
        metavar="URI",
        help="where artifacts go: gs://, s3:// or minio:// and a bucket (kubeflow.root)",
    )
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.yaml",
        default=Path("pipeline.yaml"),
        help="what is written; default: pipeline.yaml",
    )
    made.add_argument(
        "--check", type=Path, metavar="FILE.yaml", help="compile nothing, and check this file"
    )
    add_run_options(made, is_local=False)
    return made
