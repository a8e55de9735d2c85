"""What the data gate of a run is told: its schema, and the terms that the data are judged on."""

from dataclasses import dataclass
from pathlib import Path

from components import acceptance, digests
from components.acceptance import Terms
from pipeline import schema
from pipeline.config import Config
from pipeline.sources import Sources
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class Judging:
    """How data are to be judged.

    schema_file: the curated schema, in a file named by its content; None infers one
    fingerprint: changes with the data, the code, the schema and the bounds
    """

    schema_file: Path | None
    fingerprint: str
    terms: Terms


def prepare(
    config: Config, sources: Sources, work_dir: WorkDir, *, accept_reason: str | None
) -> Judging:
    """Settle how a run's data are to be judged.

    Raises:
      ConfigError: the curated schema is missing or broken.
    """
    curated = schema.curated(work_dir, config.gate.schema_file)
    copy = schema.copied_by_content(curated, work_dir.imported_schemas) if curated else None
    parts = (
        sources.data_digest,
        sources.code_digest,
        config.data.model_dump_json(),
        config.gate.model_dump_json(),
        copy.name if copy else "",
    )
    fingerprint = digests.of(parts)
    terms = acceptance.terms(
        work_dir.data_gate, fingerprint=fingerprint, accept_reason=accept_reason or ""
    )
    return Judging(copy, fingerprint, terms)
