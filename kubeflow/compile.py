"""Compiles a run for Kubeflow Pipelines: the arguments of `frostline run`, two YAML documents."""

import sys

from pipeline.cluster import compile_command

if __name__ == "__main__":
    sys.exit(compile_command.main())
