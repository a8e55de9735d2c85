"""TF Serving itself, told what the stand-in would have been told."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from components import model_server
from pipeline.serving.settings import Batching, ServerSettings, WatchedModel

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})


def command(program: str, *, models: Sequence[WatchedModel], settings: ServerSettings) -> list[str]:
    """The words that start it. Writes the files that they name into a new folder.

    TF Serving listens on every address: it has no option for the host.
    """
    folder = Path(tempfile.mkdtemp(prefix="frostline-serve-"))
    words = [
        *model_server.listening(
            program, grpc_port=settings.grpc_port, rest_port=settings.rest_port
        ),
        f"--rest_api_timeout_in_ms={settings.bounds.timeout_ms}",
        f"--file_system_poll_wait_seconds={max(round(settings.poll_seconds), 1)}",
        f"--grpc_channel_arguments=grpc.max_receive_message_length={settings.bounds.request_bytes}",
        f"--monitoring_config_file={_written(folder / 'monitoring.pbtxt', _MONITORING)}",
    ]
    if len(models) == 1 and not models[0].labels:
        (model,) = models
        words += model_server.one_model(model.name, model.base_path)
    else:
        words += [
            f"--model_config_file={_written(folder / 'models.pbtxt', model_config(models))}",
            "--allow_version_labels_for_unavailable_models=true",
        ]
    if settings.batching:
        parameters = _written(folder / "batching.pbtxt", batching_parameters(settings.batching))
        words += ["--enable_batching=true", f"--batching_parameters_file={parameters}"]
    return words


_MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


def model_config(models: Sequence[WatchedModel]) -> str:
    """A ModelServerConfig, as text."""
    return "".join(["model_config_list {\n", *(_config(model) for model in models), "}\n"])


def _config(model: WatchedModel) -> str:
    labels = "".join(
        f"    version_labels {{ key: {_quoted(label)} value: {version} }}\n"
        for label, version in model.labels.items()
    )
    policy = "    model_version_policy { all {} }\n" if model.policy.everything else ""
    return (
        "  config {\n"
        f"    name: {_quoted(model.name)}\n"
        f"    base_path: {_quoted(str(model.base_path))}\n"
        '    model_platform: "tensorflow"\n'
        f"{policy}{labels}"
        "  }\n"
    )


def batching_parameters(batching: Batching) -> str:
    """BatchingParameters, as text."""
    return (
        f"max_batch_size {{ value: {batching.max_batch_size} }}\n"
        f"batch_timeout_micros {{ value: {batching.batch_timeout_micros} }}\n"
        f"max_enqueued_batches {{ value: {batching.max_enqueued_batches} }}\n"
        f"num_batch_threads {{ value: {batching.threads} }}\n"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
