"""What the REST interface tells about models, as protobuf's JSON of TF Serving's messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.serving.versions import VersionState


def states_json(states: Sequence[VersionState]) -> bytes:
    """A GetModelStatusResponse."""
    return (_json(states_proto(states)) + "\n").encode()


def states_proto(states: Sequence[VersionState]) -> Any:
    """A GetModelStatusResponse."""
    from tensorflow_serving.apis import get_model_status_pb2, status_pb2

    return get_model_status_pb2.GetModelStatusResponse(
        model_version_status=[
            get_model_status_pb2.ModelVersionStatus(
                version=state.version,
                state=get_model_status_pb2.ModelVersionStatus.State.Value(state.state),
                status=status_pb2.StatusProto(
                    error_code=int(state.code),  # pyright: ignore[reportArgumentType]
                    error_message=state.message,
                ),
            )
            for state in states
        ]
    )


def metadata_json(name: str, version: int, signatures: Mapping[str, Any]) -> bytes:
    """A GetModelMetadataResponse, put together as TF Serving does."""
    from tensorflow_serving.apis import model_pb2

    spec = model_pb2.ModelSpec(name=name)
    spec.version.value = version
    return (
        "{\n"
        f'"model_spec":{_json(spec)},\n'
        f'"metadata": {{"signature_def": {_json(signature_map(signatures))}}}\n'
        "}\n"
    ).encode()


def signature_map(signatures: Mapping[str, Any]) -> Any:
    """A SignatureDefMap."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in signatures.items():
        found.signature_def[name].CopyFrom(signature)
    return found


def _json(message: Any) -> str:
    from google.protobuf import json_format

    return json_format.MessageToJson(
        message,
        indent=1,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
