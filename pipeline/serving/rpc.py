"""TF Serving's gRPC interface, on its own protos: PredictionService and ModelService."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
    status_pb2,
)

from pipeline.serving import inference, tensors
from pipeline.serving.admission import Admission
from pipeline.serving.answers import Code, ServingError, invalid
from pipeline.serving.metrics import Metrics
from pipeline.serving.model_configs import watched_models
from pipeline.serving.rest_reports import signature_map, states_proto
from pipeline.serving.service import Service
from pipeline.serving.versions import Address

_NO_DEADLINE_SECONDS = 24 * 3600.0
_MAX_DETAILS = 4000  # Characters: an error travels in a header, and headers are bounded.
_CODES = {status.value[0]: status for status in grpc.StatusCode}

Reply = TypeVar("Reply")


def register(server: Any, *, service: Service, admission: Admission, metrics: Metrics) -> None:
    """Let a grpc.aio server answer for a service."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(service, admission, metrics), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        _ModelService(service, admission), server
    )


class _PredictionService:
    def __init__(self, service: Service, admission: Admission, metrics: Metrics) -> None:
        self._service = service
        self._admission = admission
        self._metrics = metrics

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802, gRPC's name
        return await self._counted(partial(self._predict, request), request, "Predict", context)

    async def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._counted(partial(self._classify, request), request, "Classify", context)

    async def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._counted(partial(self._regress, request), request, "Regress", context)

    async def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answered(self._admission, partial(self._infer, request), request, context)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answered(self._admission, partial(self._metadata, request), request, context)

    async def _counted(
        self, work: Callable[[float], Reply], request: Any, api: str, context: Any
    ) -> Reply:
        start = time.monotonic()

        def note(code: Code) -> None:
            name = request.model_spec.name
            self._metrics.request(
                model=name if self._service.knows(name) else "",
                api=api,
                entrypoint="GRPC",
                code=code,
                seconds=time.monotonic() - start,
            )

        return await _answered(self._admission, work, request, context, note=note)

    def _predict(self, request: Any, deadline: float) -> Any:
        prediction = self._service.predict(
            _address(request.model_spec),
            signature_name=request.model_spec.signature_name,
            inputs=request.inputs,
            output_filter=request.output_filter,
            deadline=deadline,
        )
        response = predict_pb2.PredictResponse(
            model_spec=_spec(request.model_spec.name, prediction.version, prediction.signature_name)
        )
        for alias, array in prediction.outputs.items():
            response.outputs[alias].CopyFrom(tensors.to_proto(array, prediction.types[alias]))
        return response

    def _classify(self, request: Any, deadline: float) -> Any:
        name = request.model_spec.signature_name
        version, result = self._service.classify(
            _address(request.model_spec),
            signature_name=name,
            examples=request.input,
            deadline=deadline,
        )
        return classification_pb2.ClassificationResponse(
            result=result, model_spec=_spec(request.model_spec.name, version, name)
        )

    def _regress(self, request: Any, deadline: float) -> Any:
        name = request.model_spec.signature_name
        version, result = self._service.regress(
            _address(request.model_spec),
            signature_name=name,
            examples=request.input,
            deadline=deadline,
        )
        return regression_pb2.RegressionResponse(
            result=result, model_spec=_spec(request.model_spec.name, version, name)
        )

    def _infer(self, request: Any, deadline: float) -> Any:
        _check_tasks(request.tasks)
        response = inference_pb2.MultiInferenceResponse()
        for task in request.tasks:
            function, field = self._method(task.method_name)
            version, result = function(
                _address(task.model_spec),
                signature_name=task.model_spec.signature_name,
                examples=request.input,
                deadline=deadline,
            )
            spec = _spec(task.model_spec.name, version, task.model_spec.signature_name)
            response.results.add(model_spec=spec, **{field: result})
        return response

    def _method(self, name: str) -> tuple[Callable[..., tuple[int, Any]], str]:
        known = {
            inference.CLASSIFY: (self._service.classify, "classification_result"),
            inference.REGRESS: (self._service.regress, "regression_result"),
        }
        if name not in known:
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {name}")
        return known[name]

    def _metadata(self, request: Any, deadline: float) -> Any:
        del deadline
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        version, signatures = self._service.signatures(_address(request.model_spec))
        response = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=_spec(request.model_spec.name, version, "")
        )
        response.metadata["signature_def"].Pack(signature_map(signatures))
        return response


class _ModelService:
    def __init__(self, service: Service, admission: Admission) -> None:
        self._service = service
        self._admission = admission

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answered(self._admission, partial(self._status, request), request, context)

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answered(self._admission, partial(self._reload, request), request, context)

    def _status(self, request: Any, deadline: float) -> Any:
        del deadline
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        return states_proto(self._service.states(_address(request.model_spec)))

    def _reload(self, request: Any, deadline: float) -> Any:
        del deadline
        self._service.watch(watched_models(request.config))
        return model_management_pb2.ReloadConfigResponse(status=status_pb2.StatusProto())


async def _answered(
    admission: Admission,
    work: Callable[[float], Reply],
    request: Any,
    context: Any,
    *,
    note: Callable[[Code], None] = lambda code: None,
) -> Reply:
    seconds = context.time_remaining()
    try:
        slot = admission.admitted()
        try:
            slot.take(request.ByteSize())
            deadline = time.monotonic() + (_NO_DEADLINE_SECONDS if seconds is None else seconds)
            reply = await slot.answer(partial(work, deadline), seconds=seconds)
        finally:
            slot.release()
    except ServingError as error:
        note(error.code)
        await _abort(context, error)
    note(Code.OK)
    return reply


async def _abort(context: Any, error: ServingError) -> NoReturn:
    details = error.message.encode("utf-8", "replace").decode()[:_MAX_DETAILS]
    abort: Callable[..., Awaitable[NoReturn]] = context.abort
    await abort(_CODES[int(error.code)], details)
    raise AssertionError("abort raises")


def _check_tasks(tasks: Any) -> None:
    names = {task.model_spec.name for task in tasks}
    if "" in names:
        raise invalid("Found ModelSpec with an empty model name.")
    if len(names) > 1:
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    seen: set[str] = set()
    for task in tasks:
        name = task.model_spec.signature_name or inference.DEFAULT_SIGNATURE
        if name in seen:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)


def _address(spec: Any) -> Address:
    choice = spec.WhichOneof("version_choice")
    return Address(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )


def _spec(name: str, version: int, signature_name: str) -> Any:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature_name)
    spec.version.value = version
    return spec
