"""The entry point of every pod: `python -m pipeline.cluster.pod --step NAME ...`.

TFX's own entry point opens what TensorFlow can open, which is `gs://` alone. This one hands it
paths, whatever the pipeline root is, and fills in what was not known when the graph was made.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import imports
from pipeline.cluster import bindings, supervision
from pipeline.cluster.platform import RUN_VARIABLE
from pipeline.cluster.task import Done, Task


def main(arguments: Sequence[str]) -> int:
    """Run a step; returns the exit code: 4 for refused data, 2 for what a person can mend.

    Args:
      arguments: our own, and TFX's and Beam's after them.
    """
    options, others = _parser().parse_known_args(arguments)
    task = Task(
        step=options.step,
        run=os.environ.get(RUN_VARIABLE, ""),
        key=options.key,
        state=options.state,
        weights=options.weights,
        weights_sha256=options.weights_sha256,
        bound=options.bind,
    )
    # Kubernetes asks a pod to end as a scheduler does: with SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The ServingGate's process needs room on a GPU, too; TensorFlow would take all there is.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    return supervision.supervise(task, lambda: _run(task, others))


def _run(task: Task, others: Sequence[str]) -> Done:
    # Half a minute of imports: what is wrong with the arguments is told before.
    with imports.unhindered():
        from pipeline.cluster import pod_step

    return pod_step.run(task, others)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.cluster.pod",
        description="Run one step of a compiled pipeline. Kubeflow calls it; what follows these "
        "options is for TFX (--executor_class_path ...) and Beam.",
        allow_abbrev=False,
    )
    parser.add_argument("--step", required=True, metavar="NAME", help="the step, as in summaries")
    parser.add_argument("--key", default="", help="digest of what the document says of the step")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="what is kept from run to run; none keeps nothing"
    )
    parser.add_argument("--weights", metavar="PATH|URI", help="the pretrained weights")
    parser.add_argument("--weights-sha256", default="", metavar="DIGEST", help="their digest")
    parser.add_argument(
        bindings.FLAG,
        action="append",
        default=[],
        metavar="PARAMETER=TARGET",
        help="move a parameter into a property (property or property:path.in.its.json), or drop it",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
