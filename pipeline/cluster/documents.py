"""A compiled pipeline: the two YAML documents of one file.

The first is a KFP `PipelineSpec`, the second a `PlatformSpec` for Kubernetes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trainer.errors import ConfigError

_TYPES = {
    "STRING": "str",
    "NUMBER_INTEGER": "int",
    "NUMBER_DOUBLE": "float",
    "BOOLEAN": "bool",
    "LIST": "list",
    "STRUCT": "dict",
}


@dataclass(frozen=True)
class Documents:
    """What a compiled file holds, as the JSON forms of the two messages."""

    pipeline: Mapping[str, Any]
    platform: Mapping[str, Any] = field(default_factory=dict)

    @property
    def executors(self) -> Mapping[str, Any]:
        """Label -> how it is executed."""
        return self.pipeline.get("deploymentSpec", {}).get("executors", {})

    @property
    def pod_configs(self) -> Mapping[str, Any]:
        """Executor label -> its `KubernetesExecutorConfig`."""
        kubernetes = self.platform.get("platforms", {}).get("kubernetes", {})
        return kubernetes.get("deploymentSpec", {}).get("executors", {})

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Runtime parameter -> its type and default."""
        root = self.pipeline.get("root", {})
        return root.get("inputDefinitions", {}).get("parameters", {})


def text(documents: Documents) -> str:
    """The file: equal documents give equal bytes."""
    head = "".join(f"{line}\n" for line in _head(documents))
    found = [document for document in (documents.pipeline, documents.platform) if document]
    return head + yaml.safe_dump_all(found, sort_keys=True, allow_unicode=True, width=100)


def read(path: Path) -> Documents:
    """Read a compiled file.

    Raises:
      ConfigError: it cannot be read, or is no compiled pipeline.
    """
    try:
        found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{path} is no compiled pipeline: it is not YAML ({reason})") from None
    if not (0 < len(found) <= 2 and all(isinstance(each, dict) for each in found)):
        raise ConfigError(
            f"{path} is no compiled pipeline: it should hold a PipelineSpec and, after `---`, at "
            "most one PlatformSpec"
        )
    return Documents(*found)


def _head(documents: Documents) -> Iterator[str]:
    # The comment that KFP's own SDK writes, and its UI shows.
    yield "# PIPELINE DEFINITION"
    yield f"# Name: {documents.pipeline['pipelineInfo']['name']}"
    if documents.parameters:
        yield "# Inputs:"
    for name, each in sorted(documents.parameters.items()):
        kind = _TYPES.get(each["parameterType"], each["parameterType"])
        default = f" [Default: {each['defaultValue']!r}]" if "defaultValue" in each else ""
        yield f"#    {name}: {kind}{default}"
