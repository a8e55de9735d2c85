"""`frostline doctor`: whether this machine can do what a run would ask of it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.image_files import Listing
from pipeline import machine, machine_checks, preflight, run_checks
from pipeline.config import Config
from pipeline.findings import Finding
from trainer.errors import FrostlineError
from trainer.processor import cpu_features


def examine(
    config: Config, *, data: str | None, work_dir: Path, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Look at one thing after the other; TensorFlow, which takes seconds, comes last.

    Args:
      data: what would be trained on; None asks for what any data need.
      work_dir: where a run would keep everything; it need not be there.
    """
    yield machine_checks.python()
    yield machine_checks.glibc(machine.glibc())
    yield machine_checks.packages()
    precision = config.model.precision
    yield machine_checks.processor(cpu_features(), precision=precision, environ=environ)
    yield machine_checks.memory(machine.memory_bytes())
    yield from _data_and_their_room(config, data, work_dir)
    yield run_checks.base(config, environ)
    yield run_checks.beam(config.beam)
    yield run_checks.server(config.serving_gate.docker_image)
    if endpoint := environ.get(run_checks.KUBEFLOW):
        yield run_checks.kubeflow(endpoint)
    yield machine_checks.tensorflow()


def _data_and_their_room(config: Config, data: str | None, work_dir: Path) -> Iterator[Finding]:
    listing = Listing(())
    if data:
        try:
            listing = preflight.check_data(data, None)
            yield Finding("data", "ok", f"{len(listing.files):,} files in {data}")
            yield run_checks.features(config, listing)
        except FrostlineError as error:
            yield Finding("data", "fail", str(error), "`frostline data --help` tells what it takes")
    yield run_checks.disk(config, listing, work_dir)
