"""What `frostline doctor` asks for a run: room, features, weights, Beam, and who serves."""

import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import requests

from components import model_server, serving_container
from components.image_files import Listing
from pipeline import machine, preflight
from pipeline.config import BeamSettings, Config
from pipeline.findings import Finding
from pipeline.workdir import WorkDir
from trainer import feature_room, weights
from trainer.errors import WeightsError
from trainer.feature_room import GIGABYTE, told

KUBEFLOW = "KF_PIPELINES_ENDPOINT"
_KUBEFLOW_SECONDS = 5.0
_LESS = "--set features.keep=head, --set train.mirror=false or fewer augment.views"


def disk(config: Config, listing: Listing, root: Path) -> Finding:
    """The work directory can be written, and has the room that a run looks for.

    Args:
      root: the work directory; it need not be there.
    """
    there = machine.existing(root.resolve())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        fix = "choose another --work-dir"
        return Finding("disk", "fail", f"{there} is no folder that you may write to", fix)
    needed = preflight.free_bytes(config, listing, WorkDir(root.resolve()))
    free = shutil.disk_usage(there).free
    who = (
        f"a run of {len(listing.files):,} files needs" if listing.files else "a run needs at least"
    )
    found = f"{told(free)} free at {there}; {who} {told(needed)}"
    if free >= needed:
        return Finding("disk", "ok", found)
    return Finding("disk", "fail", found, f"make room, choose another --work-dir, or {_LESS}")


def features(config: Config, listing: Listing) -> Finding:
    """What is kept of the frozen base fits into what it may take."""
    size = feature_room.estimate(config, len(listing.files), keep=config.features.keep)
    limit = config.features.max_gigabytes
    found = f"about {told(size)}, and features.max_gigabytes = {limit:g}"
    if size <= limit * GIGABYTE:
        return Finding("features", "ok", found)
    more = f"--set features.max_gigabytes={size / GIGABYTE + 1:.0f}, {_LESS}"
    return Finding("features", "fail", found, more)


def base(config: Config, environ: Mapping[str, str]) -> Finding:
    """The base's weights are there and whole. Nothing is downloaded."""
    setting = config.model.weights
    if setting == weights.RANDOM:
        found = "RANDOM, as asked for: that tries the machinery only"
        return Finding("weights", "warn", found, "--weights auto")
    path, is_cache = weights_file(setting, environ)
    if is_cache and not path.exists():
        size = f"{weights.INCEPTION_V3.size_bytes / 1e6:.0f} MB"
        found = f"not on this machine; the first run downloads {size} to {path}"
        fix = f"offline, get {weights.INCEPTION_V3.url} elsewhere and put it there"
        return Finding("weights", "warn", found, fix)
    try:
        return Finding("weights", "ok", f"{path}, sha256 {weights.verify(path)}")
    except WeightsError as error:
        return Finding("weights", "fail", str(error), "--weights PATH, or --weights auto")


def weights_file(setting: str, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Where `weights.locate` looks, and whether it would download the file to there."""
    named = environ.get(weights.ENVIRONMENT_VARIABLE) if setting == weights.AUTO else setting
    if named:
        return Path(named).expanduser(), False
    keras_home = Path(environ.get("KERAS_HOME") or "~/.keras").expanduser()
    return keras_home / "models" / weights.INCEPTION_V3.name, True


def beam(settings: BeamSettings) -> Finding:
    """Beam has no more workers than there are cores."""
    cores, found = machine.cores(), f"Apache Beam {version('apache-beam')}, {settings.runner}"
    if settings.runner == "in_process":
        return Finding("Beam", "ok", found)
    workers = settings.workers or cores
    if workers > cores:
        fix = "--set beam.workers=0"
        return Finding("Beam", "warn", f"{found}, {workers} workers on {cores} cores", fix)
    return Finding("Beam", "ok", f"{found}, {workers} workers")


def server(image: str) -> Finding:
    """TF Serving is installed.

    Args:
      image: `serving_gate.docker_image`.
    """
    if program := model_server.found():
        return Finding("TF Serving", "ok", program)
    if image:
        return _serving_image(image)
    found = f"no {model_server.PROGRAM} on the PATH: `frostline serve` is a stand-in for it"
    fix = "in production run kubeflow/serving/compose.yaml or KServe; to develop, it will do"
    return Finding("TF Serving", "warn", found, fix)


def _serving_image(image: str) -> Finding:
    told = f"serving_gate.docker_image = {image}"
    if not serving_container.found():
        found = f"{told}, and no {serving_container.PROGRAM} on the PATH"
        return Finding("TF Serving", "fail", found, "install Docker, or leave the setting empty")
    if not serving_container.is_there(image):
        found = f"{told} is not on this machine, or Docker does not answer"
        return Finding("TF Serving", "fail", found, f"docker pull {image}")
    return Finding("TF Serving", "ok", told)


def kubeflow(endpoint: str) -> Finding:
    """Kubeflow Pipelines answers where $KF_PIPELINES_ENDPOINT says."""
    url = f"{endpoint if '://' in endpoint else f'http://{endpoint}'}".rstrip("/")
    fix = f"kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80, or unset {KUBEFLOW}"
    try:
        answer = requests.get(f"{url}/apis/v2beta1/healthz", timeout=_KUBEFLOW_SECONDS)
    except (requests.RequestException, ValueError) as error:
        found = f"{url} does not answer ({type(error).__name__})"
        return Finding("Kubeflow", "fail", found, fix)
    if answer.ok:
        return Finding("Kubeflow", "ok", f"Pipelines answer at {url}")
    return Finding("Kubeflow", "fail", f"{url} answers {answer.status_code} {answer.reason}", fix)
