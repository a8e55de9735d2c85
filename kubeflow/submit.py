"""Hands a compiled pipeline to Kubeflow Pipelines, and tells what becomes of it."""

import sys

from pipeline.cluster import submit_command

if __name__ == "__main__":
    sys.exit(submit_command.main())
