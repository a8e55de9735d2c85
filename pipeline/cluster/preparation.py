"""Prepare: looks at data, state and destination in the pod, and tells all later steps of them.

It does what the local run does before its graph. What it tells are texts, which become parameters
of the later tasks: so Kubeflow's cache, which knows an input by its name, sees that data changed.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tfx import v1 as tfx

from components import blessed, digests
from pipeline import judging, preflight, sample_data, sources
from pipeline.config import Config
from pipeline.judging import Judging
from pipeline.preflight import Weights
from pipeline.sources import Sources
from pipeline.workdir import WorkDir
from trainer.errors import ConfigError

_BUCKET = "gs://"


@dataclass(frozen=True)
class Wishes:
    """The runtime parameters of a run.

    data: the data set; empty makes the sample
    span: as `--span`; empty is the latest
    push_destination: the folder that gets `<version>/`; empty is the state's own
    """

    data: str
    span: str
    epochs: int
    push_destination: str
    accept_data: str
    force_bless: str


class Prepared(TypedDict):
    """What the later steps are told.

    data_path, span_range, data_digest, judged_split: as in `pipeline.sources`
    data_key: changes with the data and with how they are read
    gate_fingerprint, gate_baseline, accept_reason: what the data are judged on
    gate_key: changes with those
    model_key: changes with all that a model is made from
    baseline_fingerprint, bless_reason: what the model is judged on
    judgement_key: changes with those, too
    pointer: the file or URL that leads to the model that was blessed last
    destination: where the model is pushed to
    release: JSON of the terms of a `components.blessed.Blessed`
    """

    data_path: str
    span_range: str
    data_digest: str
    judged_split: str
    data_key: str
    gate_fingerprint: str
    gate_baseline: str
    accept_reason: str
    gate_key: str
    model_key: str
    baseline_fingerprint: str
    bless_reason: str
    judgement_key: str
    pointer: str
    destination: str
    release: str


def prepare(config: Config, wishes: Wishes, place: WorkDir, weights: Weights) -> Prepared:
    """Look at everything that a run starts from.

    Raises:
      FrostlineError: the data cannot be trained on, a parameter is wrong, or the schema is.
    """
    config = _with_epochs(config, wishes.epochs)
    data = wishes.data or sample(place)
    listing = preflight.check_data(data, wishes.span or None)
    found = sources.gather(data, listing, weights, test_fraction=config.data.test_fraction)
    _check_schema(config, place)
    destination = _destination(config, wishes.push_destination, place)
    pointer = _pointer(config, destination, place)
    terms = judging.prepare(
        config,
        found,
        place,
        accept_reason=wishes.accept_data,
        force_bless=wishes.force_bless,
        pointer=pointer,
    )
    return _told(config, found, terms, pointer=pointer, destination=destination)


def _told(
    config: Config, found: Sources, terms: Judging, *, pointer: str, destination: str
) -> Prepared:
    curated = blessed.text_of(str(terms.schema_file)) if terms.schema_file else ""
    read = config.data.model_dump_json()
    data_key = digests.of([found.data_digest, found.span, found.code_digest, read, curated])
    gate = (terms.fingerprint, terms.terms.baseline, terms.terms.accept_reason)
    model_key = digests.of([data_key, sources.model_digest(config, found)])
    model = terms.model
    release = {
        "made_from": sources.model_digest(config, found),
        "fingerprint": model.fingerprint,
        "settings": config.evaluate.model_dump_json(),
        "force_bless": model.force_bless,
    }
    return Prepared(
        data_path=found.data,
        span_range=found.span,
        data_digest=found.data_digest,
        judged_split=found.judged_split,
        data_key=data_key,
        gate_fingerprint=terms.fingerprint,
        gate_baseline=terms.terms.baseline,
        accept_reason=terms.terms.accept_reason,
        gate_key=digests.of(gate),
        model_key=model_key,
        baseline_fingerprint=model.fingerprint,
        bless_reason=model.force_bless,
        judgement_key=digests.of([model_key, model.fingerprint, model.force_bless]),
        pointer=pointer,
        destination=destination,
        release=json.dumps(release),
    )


def _with_epochs(config: Config, epochs: int) -> Config:
    if epochs < 1:
        raise ConfigError(f"the parameter epochs = {epochs} should be a whole number above 0")
    train = config.train.model_copy(update={"epochs": epochs})
    return config.model_copy(update={"train": train})


def sample(place: WorkDir) -> str:
    """The embedded sample, made where it is not there yet; returns its folder."""
    folder = place.sample_data
    if not folder.exists():
        sample_data.write(folder)
        # Every pod without a volume makes one of its own, and all should have the same digest.
        for path in folder.rglob("*"):
            os.utime(path, (0, 0))
    return str(folder)


def _check_schema(config: Config, place: WorkDir) -> None:
    """The graph was compiled with or without a schema file: one that came since is not dropped."""
    if place.schema.exists() and not config.gate.schema_file:
        raise ConfigError(
            f"{place.schema} is a curated schema, and this pipeline was compiled without one: "
            f"compile it again with --set gate.schema_file={place.schema}, or remove the file"
        )


def _destination(config: Config, wanted: str, place: WorkDir) -> str:
    if not wanted:
        return str(place.serving / config.push.model_name)
    if not wanted.startswith((_BUCKET, "/")):
        raise ConfigError(
            f"the parameter push_destination = {wanted} should be a gs:// URI, or an absolute path "
            "on a volume that every pod mounts (kubeflow.volumes): no pod can write elsewhere"
        )
    return wanted.rstrip("/")


def _pointer(config: Config, destination: str, place: WorkDir) -> str:
    """Beside what is served in a bucket, else where the local run has it."""
    if destination.startswith(_BUCKET):
        return f"{destination}.blessed.json"
    return str(place.blessed(config.push.model_name))


@tfx.dsl.components.component
def Prepare(  # noqa: N802  a component is named like a class
    data: tfx.dsl.components.Parameter[str],
    span: tfx.dsl.components.Parameter[str],
    epochs: tfx.dsl.components.Parameter[int],
    push_destination: tfx.dsl.components.Parameter[str],
    accept_data: tfx.dsl.components.Parameter[str],
    force_bless: tfx.dsl.components.Parameter[str],
    config: tfx.dsl.components.Parameter[str],
    weights: tfx.dsl.components.Parameter[str],
    weights_sha256: tfx.dsl.components.Parameter[str],
    state: tfx.dsl.components.Parameter[str],
) -> Prepared:
    """Tell the later steps what they start from; the outputs are those of a `Prepared`.

    Args:
      data, span, epochs, push_destination, accept_data, force_bless: a `Wishes`.
      config: JSON of a `Config`.
      weights: where the steps find the pretrained weights; empty for a random base.
      weights_sha256: their digest.
      state: the work directory of the cluster.
    """
    wishes = Wishes(data, span, epochs, push_destination, accept_data, force_bless)
    return prepare(
        Config.model_validate_json(config),
        wishes,
        WorkDir(Path(state)),
        Weights(Path(weights) if weights else None, weights_sha256),
    )
