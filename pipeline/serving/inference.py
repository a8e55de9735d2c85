"""What the signatures of a model allow: predict, classify and regress, as TF Serving judges it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.serving.answers import Code, ServingError, invalid
from pipeline.serving.servable import Arrays, Servable
from pipeline.serving.tensors import type_name

DEFAULT_SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

Run = Callable[[Servable, Arrays, Sequence[str]], list[np.ndarray]]
"""Runs tensors by name: servable, feeds, fetches -> values."""


def predict(
    servable: Servable,
    *,
    signature_name: str,
    inputs: Arrays,
    output_filter: Sequence[str] = (),
    run: Run,
) -> dict[str, np.ndarray]:
    """Run a signature: input alias -> array, to output alias -> array.

    Raises:
      ServingError: as TF Serving's `RunPredict`.
    """
    signature = servable.signatures.get(signature_name or DEFAULT_SIGNATURE)
    if signature is None:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f'Serving signature key "{signature_name or DEFAULT_SIGNATURE}" not found.',
        )
    _check_inputs(signature, inputs)
    aliases = _wanted_outputs(signature, output_filter)
    feeds = {signature.inputs[alias].name: array for alias, array in inputs.items()}
    fetches = [signature.outputs[alias].name for alias in aliases]
    return dict(zip(aliases, run(servable, feeds, fetches), strict=True))


def _check_inputs(signature: Any, inputs: Arrays) -> None:
    sent, expected = set(inputs), set(signature.inputs)
    if sent != expected:
        names = [",".join(sorted(names)) for names in (sent, expected)]
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({{{names[0]}}}) != len({{{names[1]}}}). "
            f"Sent extra: {{{','.join(sorted(sent - expected))}}}. "
            f"Missing but required: {{{','.join(sorted(expected - sent))}}}."
        )
    for alias, array in inputs.items():
        _check_input(alias, array, signature.inputs[alias])


def _check_input(alias: str, array: np.ndarray, info: Any) -> None:
    import tensorflow as tf

    expected = tf.as_dtype(info.dtype)
    sent = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    if sent != expected:
        raise invalid(
            f"input {alias} is expected to be {type_name(expected.as_datatype_enum)} "
            f"but {type_name(sent.as_datatype_enum)} is provided"
        )
    shape = tf.TensorShape(info.tensor_shape)
    if not shape.is_compatible_with(array.shape):
        raise invalid(f"input {alias} is expected to be of shape {shape} but is {array.shape}")


def _wanted_outputs(signature: Any, output_filter: Sequence[str]) -> list[str]:
    for place, alias in enumerate(output_filter):
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if alias in output_filter[:place]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return list(output_filter) or sorted(signature.outputs)


def classify(servable: Servable, *, signature_name: str, examples: Any, run: Run) -> Any:
    """Classify an Input proto: its ClassificationResult.

    Raises:
      ServingError: no classification signature has this name, or the Input is empty.
    """
    from tensorflow_serving.apis import classification_pb2

    signature = _signature_of(servable, signature_name, CLASSIFY, "classification")
    kinds = [kind for kind in ("classes", "scores") if kind in signature.outputs]
    outputs = _run_examples(servable, signature, kinds, examples, run)
    labels, scores = _labels_and_scores(outputs)
    return classification_pb2.ClassificationResult(
        classifications=[
            classification_pb2.Classifications(
                classes=[
                    classification_pb2.Class(label=label.decode("utf-8", "replace"), score=score)
                    for label, score in zip(*row, strict=True)
                ]
            )
            for row in zip(labels, scores, strict=True)
        ]
    )


def _labels_and_scores(outputs: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Both [N, C]; a model may have only one of them, then the other is empty or zero."""
    shape = next(iter(outputs.values())).shape
    if len(shape) != 2 or any(output.shape != shape for output in outputs.values()):
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {list(shape)}")
    labels = outputs.get("classes", np.full(shape, b"", dtype=object))
    return labels, outputs.get("scores", np.zeros(shape, dtype=np.float32))


def regress(servable: Servable, *, signature_name: str, examples: Any, run: Run) -> Any:
    """Regress an Input proto: its RegressionResult.

    Raises:
      ServingError: no regression signature has this name, or the Input is empty.
    """
    from tensorflow_serving.apis import regression_pb2

    signature = _signature_of(servable, signature_name, REGRESS, "regression")
    outputs = _run_examples(servable, signature, ["outputs"], examples, run)
    values = outputs["outputs"].reshape(-1)
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=float(value)) for value in values]
    )


def _signature_of(servable: Servable, name: str, method: str, kind: str) -> Any:
    signature = servable.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise invalid(f"No signature was found with the name: {name or DEFAULT_SIGNATURE}")
    if signature.method_name != method:
        raise invalid(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )
    if list(signature.inputs) != ["inputs"]:
        raise invalid("Expected one input Tensor.")
    return signature


def _run_examples(
    servable: Servable, signature: Any, aliases: Sequence[str], examples: Any, run: Run
) -> dict[str, np.ndarray]:
    serialized = _serialized(examples)
    fetches = [signature.outputs[alias].name for alias in aliases if alias in signature.outputs]
    if not fetches:
        raise ServingError(Code.FAILED_PRECONDITION, f"Expected an output of {', '.join(aliases)}")
    feeds = {signature.inputs["inputs"].name: np.array(serialized, dtype=object)}
    outputs = dict(zip(aliases, run(servable, feeds, fetches), strict=True))
    for alias, array in outputs.items():
        if array.ndim == 0 or len(array) != len(serialized):
            raise invalid(
                f"Expected {alias} output batch size of {len(serialized)}. Got: {array.shape}"
            )
    return outputs


def _serialized(examples: Any) -> list[bytes]:
    """Every Example of an Input, as bytes; a context is merged into each."""
    kind = examples.WhichOneof("kind")
    chosen = getattr(examples, kind) if kind else None
    if chosen is None or not chosen.examples:
        raise invalid("Input is empty.")
    context = chosen.context.SerializeToString() if kind == "example_list_with_context" else b""
    return [context + example.SerializeToString() for example in chosen.examples]
