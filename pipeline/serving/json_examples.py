"""JSON requests to classify and regress: their tf.Examples, by TF Serving's json_tensor.cc."""

from collections.abc import Mapping
from typing import Any

from pipeline.serving.answers import invalid
from pipeline.serving.json_values import decimal, decoded, encoded, is_base64, shown, type_of


def examples(document: Mapping[str, Any]) -> Any:
    """The Input proto of a classify or regress request.

    Raises:
      ServingError: there is no list of Examples, or one of them is no Example.
    """
    from tensorflow_serving.apis import input_pb2

    context = document.get("context")
    has_context = "context" in document
    shared = _example(context) if has_context else None
    found = document.get("examples")
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected "
            "and was not found"
        )
    if not isinstance(found, list):
        raise invalid(
            f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array"
        )
    if not found:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    converted = [_example(one) for one in found]
    if shared is not None:
        return input_pb2.Input(
            example_list_with_context=input_pb2.ExampleListWithContext(
                context=shared, examples=converted
            )
        )
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=converted))


def _example(value: Any) -> Any:
    import tensorflow as tf

    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_of(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        feature = example.features.feature[encoded(name).decode("utf-8", "replace")]
        for item in content if isinstance(content, list) else [content]:
            _add_to_feature(feature, name, item)
    return example


def _add_to_feature(feature: Any, name: str, value: Any) -> None:
    field, item = _feature_item(name, value)
    if feature.WhichOneof("kind") not in {None, field}:
        raise invalid(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{feature.WhichOneof('kind').removesuffix('_list')}"
        )
    getattr(feature, field).value.append(item)


def _feature_item(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return "bytes_list", encoded(value)
    if is_base64(value):
        return "bytes_list", decoded(value)
    if isinstance(value, float):
        return "float_list", decimal(value, "float")
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", int(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_of(value)}")
