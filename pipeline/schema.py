"""The schema of the data: curated by hand once it is frozen, and used from then on.

A frozen schema lies in the work directory as schema/schema.pbtxt, unless `gate.schema_file`
names another file.
"""

import difflib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline import chatter
from pipeline.workdir import WorkDir
from trainer import features
from trainer.errors import ConfigError

TRAINING = "TRAINING"
SERVING = "SERVING"
_HEADER = """\
# The schema of the data, for you to curate. In string_domain "image/class/text" are the classes.
# The next run holds its data against this file; remove it, and the data suggest their own again.
"""


def curated(work_dir: WorkDir, schema_file: str | None) -> Path | None:
    """The schema file that a person has gone over; None where there is none.

    Raises:
      ConfigError: it is not there, or is no schema.
    """
    path = Path(schema_file) if schema_file else work_dir.schema
    if not (schema_file or path.exists()):
        return None
    read(path)
    return path


def read(path: Path) -> schema_pb2.Schema:
    """Read a schema.

    Raises:
      ConfigError: the file cannot be read, or a line of it is wrong.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except OSError as error:
        raise ConfigError(
            f"the schema file {path} cannot be read ({error.strerror}); `frostline schema freeze` "
            "writes one"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the schema file {path} is no text: {error}") from None
    except text_format.ParseError as error:
        raise ConfigError(
            f"the schema file {path} is wrong in line {error.GetLine()}: {error}; mend the line, "
            "or remove the file and run `frostline schema freeze` again"
        ) from None


def copied_by_content(path: Path, folder: Path) -> Path:
    """A copy in `folder` that is named by what it holds: TFX's cache looks at the name only."""
    content = path.read_bytes()
    copy = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.pbtxt"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return copy


def freeze(work_dir: WorkDir, output: Path | None) -> Path:
    """Write the schema that the latest run's data suggest, to be curated; returns the file.

    Raises:
      ConfigError: there is no run yet, or the file is there already.
    """
    path = output or work_dir.schema
    if path.exists():
        raise ConfigError(
            f"{path} is there already and may have been curated: remove it first, or choose "
            "another with --output FILE"
        )
    text = _HEADER + text_format.MessageToString(_suggested(work_dir), as_utf8=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    return path


def with_environments(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """The same for training and serving: who asks for a prediction sends the image only."""
    frozen = schema_pb2.Schema()
    frozen.CopyFrom(schema)
    frozen.default_environment[:] = [TRAINING, SERVING]
    for feature in frozen.feature:
        del feature.not_in_environment[:]
        if feature.name != features.ENCODED:
            feature.not_in_environment.append(SERVING)
    return frozen


def in_use(work_dir: WorkDir) -> schema_pb2.Schema:
    """The frozen schema; where there is none, what the latest run's data suggest.

    Raises:
      ConfigError: there is neither, or the frozen one is broken.
    """
    return read(work_dir.schema) if work_dir.schema.exists() else _suggested(work_dir)


def difference(work_dir: WorkDir) -> list[str]:
    """What the frozen schema and the latest data's own differ in, as lines of a unified diff.

    Raises:
      ConfigError: there is no frozen schema, no run, or the schema is broken.
    """
    frozen = read(work_dir.schema)
    return list(
        difflib.unified_diff(
            readable(frozen),
            readable(_suggested(work_dir)),
            fromfile=str(work_dir.schema),
            tofile="what the latest data suggest",
            lineterm="",
        )
    )


def readable(schema: schema_pb2.Schema) -> list[str]:
    """A line for each feature, and one for each value of a domain below it."""
    return list(_lines(schema))


def _lines(schema: schema_pb2.Schema) -> Iterator[str]:
    domains = {domain.name: domain for domain in schema.string_domain}
    for feature in sorted(schema.feature, key=lambda each: each.name):
        environments = [*schema.default_environment, *feature.in_environment]
        kept = [name for name in environments if name not in feature.not_in_environment]
        kind = schema_pb2.FeatureType.Name(feature.type).lower()
        needed = "required" if feature.presence.min_fraction == 1 else "optional"
        yield "  ".join([f"{feature.name:24}", f"{kind:6}", needed, ", ".join(kept)]).rstrip()
        yield from (f"    {value}" for value in _allowed(feature, domains))


def _allowed(
    feature: schema_pb2.Feature, domains: dict[str, schema_pb2.StringDomain]
) -> Sequence[str]:
    """The values or the range that a feature may have."""
    match feature.WhichOneof("domain_info"):
        case "domain":
            return list(domains[feature.domain].value) if feature.domain in domains else ()
        case "string_domain":
            return list(feature.string_domain.value)
        case "int_domain" | "float_domain" as kind:
            domain = getattr(feature, kind)
            low = domain.min if domain.HasField("min") else "any"
            high = domain.max if domain.HasField("max") else "any"
            return [f"{low} to {high}"]
    return ()


def _suggested(work_dir: WorkDir) -> schema_pb2.Schema:
    # Ten seconds of imports, which no other command should wait for.
    with chatter.diverted(Path(os.devnull)):
        from components import drift
        from pipeline.results import Results

        folder = Results(work_dir).statistics() if work_dir.metadata.exists() else None
        if folder is None:
            raise ConfigError(
                f"--work-dir {work_dir.root} holds no run that came as far as statistics: "
                f"frostline run --data DIR --work-dir {work_dir.root}"
            )
        paths = sorted(folder.glob("Split-*/*.pb"))
        return with_environments(drift.schema_of([path.read_bytes() for path in paths]))
