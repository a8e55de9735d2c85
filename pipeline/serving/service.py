"""What a server answers, whichever way it is asked: requests in, replies or ServingError out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.serving import inference, json_examples, json_replies, json_requests, tensors, warmup
from pipeline.serving.answers import Code, ServingError, invalid
from pipeline.serving.batching import Runner
from pipeline.serving.metrics import Metrics
from pipeline.serving.servable import Arrays, Servable, load
from pipeline.serving.settings import WatchedModel
from pipeline.serving.versions import Address, Versions, VersionState

_WARMUP_SECONDS = 600.0


@dataclass(frozen=True)
class Prediction:
    """The outputs of a signature, and who answered.

    Attributes:
      outputs: alias -> array.
      types: alias -> TensorFlow's DataType.
    """

    version: int
    signature_name: str
    outputs: Mapping[str, np.ndarray]
    types: Mapping[str, int]


class Service:
    """The models behind both interfaces. Its methods block: call them in threads."""

    def __init__(self, *, runner: Runner, metrics: Metrics) -> None:
        self._runner = runner
        self._metrics = metrics
        self._versions: Versions[Servable] = Versions(load=self._loaded)

    def watch(self, models: Sequence[WatchedModel]) -> None:
        """Serve exactly these models; see `Versions.watch`."""
        self._versions.watch(models)

    def poll(self) -> None:
        """Look for new versions once."""
        self._versions.poll()

    def close(self) -> None:
        """Answer nothing more."""
        self._runner.close()
        self._versions.close()

    def knows(self, name: str) -> bool:
        """Whether a model of this name is watched."""
        return self._versions.knows(name)

    def predict(
        self,
        address: Address,
        *,
        signature_name: str,
        inputs: Mapping[str, Any],
        output_filter: Sequence[str],
        deadline: float,
    ) -> Prediction:
        """Run a signature on TensorProtos: input alias -> TensorProto."""
        with self._versions.leased(address) as servable:
            arrays = {
                alias: tensors.from_proto(proto, alias=alias) for alias, proto in inputs.items()
            }
            return self._predicted(servable, signature_name, arrays, output_filter, deadline)

    def _predicted(
        self,
        servable: Servable,
        signature_name: str,
        inputs: Arrays,
        output_filter: Sequence[str],
        deadline: float,
    ) -> Prediction:
        outputs = inference.predict(
            servable,
            signature_name=signature_name,
            inputs=inputs,
            output_filter=output_filter,
            run=partial(self._run, api="Predict", deadline=deadline),
        )
        name = signature_name or inference.DEFAULT_SIGNATURE
        signature = servable.signatures[name]
        types = {alias: signature.outputs[alias].dtype for alias in outputs}
        return Prediction(servable.version, name, outputs, types)

    def _run(
        self,
        servable: Servable,
        feeds: Arrays,
        fetches: Sequence[str],
        *,
        api: str,
        deadline: float,
    ) -> list[np.ndarray]:
        start = time.monotonic()
        outputs = self._runner.run(servable, feeds, fetches, deadline=deadline)
        self._metrics.run(model=servable.name, api=api, seconds=time.monotonic() - start)
        return outputs

    def predict_json(self, address: Address, body: bytes, *, deadline: float) -> bytes:
        """Answer the body of a REST request to predict."""
        document = json_requests.parsed(body)
        name = json_requests.signature_name(document)
        with self._versions.leased(address) as servable:
            infos = _inputs_of(servable, name)
            is_row_format = json_requests.is_row_format(document)
            if is_row_format:
                inputs = json_requests.rows(document["instances"], infos)
            else:
                inputs = json_requests.columns(document["inputs"], infos)
            outputs = self._predicted(servable, name, inputs, (), deadline).outputs
        return json_replies.predictions(outputs) if is_row_format else json_replies.outputs(outputs)

    def classify(
        self, address: Address, *, signature_name: str, examples: Any, deadline: float
    ) -> tuple[int, Any]:
        """Classify an Input proto: the version, and its ClassificationResult."""
        with self._versions.leased(address) as servable:
            run = partial(self._run, api="Classify", deadline=deadline)
            result = inference.classify(
                servable, signature_name=signature_name, examples=examples, run=run
            )
        self._metrics.examples(model=address.name, count=len(result.classifications))
        return servable.version, result

    def classify_json(self, address: Address, body: bytes, *, deadline: float) -> bytes:
        """Answer the body of a REST request to classify."""
        name, examples = _examples_of(body)
        _, result = self.classify(
            address, signature_name=name, examples=examples, deadline=deadline
        )
        return json_replies.classifications(result)

    def regress(
        self, address: Address, *, signature_name: str, examples: Any, deadline: float
    ) -> tuple[int, Any]:
        """Regress an Input proto: the version, and its RegressionResult."""
        with self._versions.leased(address) as servable:
            run = partial(self._run, api="Regress", deadline=deadline)
            result = inference.regress(
                servable, signature_name=signature_name, examples=examples, run=run
            )
        self._metrics.examples(model=address.name, count=len(result.regressions))
        return servable.version, result

    def regress_json(self, address: Address, body: bytes, *, deadline: float) -> bytes:
        """Answer the body of a REST request to regress."""
        name, examples = _examples_of(body)
        _, result = self.regress(address, signature_name=name, examples=examples, deadline=deadline)
        return json_replies.regressions(result)

    def signatures(self, address: Address) -> tuple[int, Mapping[str, Any]]:
        """The version that an address means, and its SignatureDefs by name."""
        with self._versions.leased(address) as servable:
            return servable.version, dict(servable.metadata_signatures)

    def states(self, address: Address) -> list[VersionState]:
        """What became of a model's versions; see `Versions.states`."""
        return self._versions.states(address)

    def _loaded(self, name: str, version: int, folder: Path) -> Servable:
        """A version that is loaded and warm."""
        servable = load(name, version, folder)
        start = time.monotonic()
        try:
            count = warmup.replay(folder, answer=partial(self._warm, servable))
        except ServingError as error:
            servable.close()
            self._warmed_up(folder, error.code, start)
            raise
        if count:
            self._warmed_up(folder, Code.OK, start)
        return servable

    def _warmed_up(self, folder: Path, code: Code, start: float) -> None:
        self._metrics.warmup(path=str(folder), code=code, seconds=time.monotonic() - start)

    def _warm(self, servable: Servable, log: Any) -> None:
        kind = log.WhichOneof("log_type")
        if kind != "predict_log":
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
        request = log.predict_log.request
        arrays = {
            alias: tensors.from_proto(proto, alias=alias) for alias, proto in request.inputs.items()
        }
        deadline = time.monotonic() + _WARMUP_SECONDS
        # Straight to the graph: what warms up must not wait for the requests of others.
        inference.predict(
            servable,
            signature_name=request.model_spec.signature_name,
            inputs=arrays,
            output_filter=request.output_filter,
            run=lambda one, feeds, fetches: one.run(
                feeds, fetches, timeout_ms=int((deadline - time.monotonic()) * 1000)
            ),
        )


def _inputs_of(servable: Servable, signature_name: str) -> Mapping[str, Any]:
    name = signature_name or inference.DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    if not signature.inputs:
        raise invalid(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
    return signature.inputs


def _examples_of(body: bytes) -> tuple[str, Any]:
    document = json_requests.parsed(body)
    return json_requests.signature_name(document), json_examples.examples(document)
