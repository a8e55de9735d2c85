"""Runs a compiled pipeline on this machine, step by step, as Kubeflow would."""

import sys

from pipeline.cluster import execution_command

if __name__ == "__main__":
    sys.exit(execution_command.main())
