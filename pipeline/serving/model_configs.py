"""A ModelServerConfig, by which a client tells the server anew what to serve."""

from pathlib import Path
from typing import Any

from pipeline.serving.answers import invalid
from pipeline.serving.settings import VersionPolicy, WatchedModel


def watched_models(config: Any) -> list[WatchedModel]:
    """The models of a ModelServerConfig.

    Raises:
      ServingError: it is of another kind, or a model is listed twice or without a whole path.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported"
        )
    models = [_watched(model) for model in config.model_config_list.config]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
    return models


def _watched(model: Any) -> WatchedModel:
    path = Path(model.base_path)
    if not path.is_absolute():
        raise invalid(
            f"Expected model {model.name} to have an absolute path or URI; got base_path()="
            f"{model.base_path}"
        )
    return WatchedModel(
        name=model.name,
        base_path=path,
        policy=_policy(model.model_version_policy),
        labels=dict(model.version_labels),
    )


def _policy(policy: Any) -> VersionPolicy:
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        return VersionPolicy(specific=frozenset(policy.specific.versions))
    if choice == "latest":
        return VersionPolicy(latest=policy.latest.num_versions)
    return VersionPolicy(everything=choice == "all")
