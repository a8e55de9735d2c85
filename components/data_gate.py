"""DataGate: judges the data before anything is trained on them, and stops the run if it must."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import v1 as tfx
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components import acceptance, data_checks, drift, gates, offenders, quarantine
from components.acceptance import Terms
from components.artifacts import DataVerdict, Quarantine
from components.data_checks import Distance, FindFiles
from components.drift import Statistics
from components.gate_settings import GateSettings
from components.gates import Gate, Verdict
from components.quarantine import IngestionCounts, SetAside
from trainer import features
from trainer.errors import DataRefusedError

Measure = Callable[..., list[Distance]]


@dataclass(frozen=True)
class Evidence:
    """What the data are judged by.

    statistics: split -> statistics
    accepted: split -> statistics of the data that were accepted last; empty before the first
    schema: what the data were validated against
    is_curated: whether a person has gone over the schema
    anomalies: split -> what TFDV found at odds with the schema
    """

    statistics: Mapping[str, Statistics]
    accepted: Mapping[str, Statistics]
    schema: schema_pb2.Schema
    is_curated: bool
    anomalies: Mapping[str, anomalies_pb2.Anomalies]
    counts: IngestionCounts
    set_aside: list[SetAside]

    @property
    def classes_expected(self) -> tuple[list[str] | None, str]:
        """The classes that there should be, and what says so."""
        if self.is_curated:
            return data_checks.schema_classes(self.schema), "the curated schema"
        return _classes(self.accepted) or None, "the last accepted data"


def judge(evidence: Evidence, settings: GateSettings, *, find_files: FindFiles) -> list[Gate]:
    """Every check, in the order that a person reads them.

    Args:
      find_files: names the worst files where a check has failed.
    """
    expected, whose = evidence.classes_expected
    called = evidence.counts.called
    anomalies = {called(split): found for split, found in evidence.anomalies.items()}
    return [
        data_checks.schema_anomalies(anomalies, settings),
        data_checks.changed_classes(
            _classes(evidence.statistics),
            expected,
            whose=whose,
            settings=settings,
            find_files=find_files,
        ),
        data_checks.quarantined_share(evidence.counts, evidence.set_aside, settings),
        data_checks.images_per_class(evidence.counts, settings),
        data_checks.class_imbalance(evidence.counts, settings),
        *data_checks.class_shares(evidence.counts, settings),
        data_checks.duplicates_across_splits(evidence.counts.duplicates_across_splits, settings),
        data_checks.near_duplicates_across_splits(evidence.counts, settings),
        *_distances(evidence, settings, find_files),
    ]


def _distances(evidence: Evidence, settings: GateSettings, find_files: FindFiles) -> Iterator[Gate]:
    now, before = evidence.statistics, evidence.accepted
    to_train = dict.fromkeys(now.keys() - {features.TRAIN}, now[features.TRAIN])
    accepted = "the last accepted data" if before else None
    called = evidence.counts.called
    train = called(features.TRAIN)
    for check, measure, others, limit, than in (
        ("mix_drift", drift.mixes, before, settings.max_mix_drift, accepted),
        ("property_drift", drift.properties, before, settings.max_property_drift, accepted),
        ("mix_skew", drift.mixes, to_train, settings.max_mix_skew, train),
        ("property_skew", drift.properties, to_train, settings.max_property_skew, train),
    ):
        found = [(called(split), each) for split, each in _measured(measure, now, others)]
        yield data_checks.distance(check, found, limit=limit, than=than, find_files=find_files)


def _measured(
    measure: Measure, now: Mapping[str, Statistics], others: Mapping[str, Statistics]
) -> Iterator[tuple[str, Distance]]:
    for split in sorted(now.keys() & others.keys()):
        for each in measure(now[split], others[split], split=split):
            yield split, each


def _classes(by_split: Mapping[str, Statistics]) -> list[str]:
    found = {label for each in by_split.values() for label in drift.shares(each, features.LABEL)}
    return sorted(found)


@tfx.dsl.components.component
def DataGate(  # noqa: N802  a component is named like a class
    verdict: tfx.dsl.components.OutputArtifact[DataVerdict],
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    statistics: tfx.dsl.components.InputArtifact[standard_artifacts.ExampleStatistics],
    schema: tfx.dsl.components.InputArtifact[standard_artifacts.Schema],
    anomalies: tfx.dsl.components.InputArtifact[standard_artifacts.ExampleAnomalies],
    quarantined: tfx.dsl.components.InputArtifact[Quarantine],
    settings: tfx.dsl.components.Parameter[str],
    is_curated: tfx.dsl.components.Parameter[bool],
    folder: tfx.dsl.components.Parameter[str],
    fingerprint: tfx.dsl.components.Parameter[str],
    baseline: tfx.dsl.components.Parameter[str],
    accept_reason: tfx.dsl.components.Parameter[str],
) -> None:
    """Judge the data; accepted ones become what later data are compared with.

    Args:
      verdict: gets `verdict.json`.
      examples: looked into only for the names of the worst files, once a check has failed.
      statistics, schema, anomalies, quarantined: what is judged.
      settings: JSON of a `GateSettings`.
      is_curated: whether a person has gone over the schema.
      folder: keeps what was accepted last, and the latest refusal in `refused/`.
      fingerprint: changes with the data, the code and the settings.
      baseline: id of the accepted statistics to compare with; see `components.acceptance`.
      accept_reason: why the data are accepted in spite of failed checks; empty if they are not.

    Raises:
      DataRefusedError: a check has failed, and nobody accepts the data in spite of it.
    """
    place, terms = Path(folder), Terms(baseline, accept_reason)
    contents = _contents(statistics.uri, "FeatureStats.pb")
    accepted = acceptance.statistics(place, baseline)
    counts_dir = Path(quarantined.uri)
    evidence = Evidence(
        statistics={split: _statistics(content) for split, content in contents.items()},
        accepted={split: _statistics(content) for split, content in accepted.items()},
        schema=io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri)),
        is_curated=is_curated,
        anomalies={
            split: anomalies_pb2.Anomalies.FromString(content)
            for split, content in _contents(anomalies.uri, "SchemaDiff.pb").items()
        },
        counts=quarantine.read_counts(counts_dir),
        set_aside=quarantine.read_set_aside(counts_dir),
    )
    find_files = partial(offenders.find, Path(examples.uri), count=data_checks.FILES_NAMED)
    checks = judge(evidence, GateSettings.model_validate_json(settings), find_files=find_files)
    found = Verdict(checks, baseline, accept_reason)
    if not found.goes_on:
        gates.write(place / gates.REFUSED, found)
        raise DataRefusedError(refusal(found))
    gates.write(Path(verdict.uri), found)
    acceptance.accept(place, contents, fingerprint=fingerprint, terms=terms)


def refusal(verdict: Verdict) -> str:
    """Which checks failed, and what to do."""
    lines = [f"{check.check}: {check.sentence}" for check in verdict.failed]
    fix = 'mend the data, move a bound (--set gate...), or run with --accept-data "why"'
    return "\n".join(["the data did not pass the data gate:", *lines, fix])


def _contents(uri: str, name: str) -> dict[str, bytes]:
    """Split -> the bytes of the file of that name."""
    found = sorted(Path(uri).glob(f"Split-*/{name}"))
    return {path.parent.name.removeprefix("Split-"): path.read_bytes() for path in found}


def _statistics(content: bytes) -> Statistics:
    return Statistics.FromString(content)
