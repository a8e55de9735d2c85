"""What the gates of a run are told: the schema, and the terms that data and model are judged on."""

from dataclasses import dataclass, field
from pathlib import Path

from components import acceptance, digests
from components.acceptance import Terms
from pipeline import baseline, schema
from pipeline.baseline import ModelTerms
from pipeline.config import Config
from pipeline.sources import Sources, model_digest
from pipeline.workdir import WorkDir


@dataclass(frozen=True)
class Judging:
    """How data and model are to be judged.

    schema_file: the curated schema, in a file named by its content; None infers one
    fingerprint: changes with the data, the code, the schema and the bounds of the data
    terms: those of the data
    model: those of the model
    """

    schema_file: Path | None
    fingerprint: str
    terms: Terms
    model: ModelTerms = field(default_factory=ModelTerms)


def prepare(
    config: Config,
    sources: Sources,
    work_dir: WorkDir,
    *,
    accept_reason: str | None,
    force_bless: str | None = None,
    pointer: str | None = None,
) -> Judging:
    """Settle how a run's data and model are to be judged.

    Args:
      accept_reason: why the data are accepted in spite of failed checks.
      force_bless: why the model is blessed in spite of failed checks.
      pointer: the file or URL that leads to the model that was blessed last; None is the work
        directory's.

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
    model_terms = baseline.terms(
        work_dir,
        model_name=config.push.model_name,
        made_from=model_digest(config, sources),
        settings=config.evaluate.model_dump_json(),
        force_bless=force_bless or "",
        pointer=pointer,
    )
    return Judging(copy, fingerprint, terms, model_terms)
