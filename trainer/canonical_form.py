"""A SavedModel in one form only: the same weights and the same code give the same bytes.

TensorFlow numbers functions by a counter of the whole process, writes them in the order of a hash
table, and draws a random id for each fingerprint. None of this means anything to who loads it.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import Message
from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

_NUMBER = re.compile(r"_\d+")
# What a person has named; what nobody has is named by a value of the counter.
_GIVEN_NAME = "_user_specified_name"

_Rename = Callable[[str], str]


def rewrite(folder: str) -> None:
    """Bring `saved_model.pb` and `fingerprint.pb` of a SavedModel into the form.

    Its other files, the variables and the assets, are the same bytes anyway.

    Args:
      folder: the SavedModel's, on any file system.
    """
    file = f"{folder}/saved_model.pb"
    saved_model = _read(file, saved_model_pb2.SavedModel)
    for meta_graph in saved_model.meta_graphs:
        _rewrite_graph(meta_graph)
    _write(file, saved_model)
    _rewrite_fingerprint(folder)


def _rewrite_graph(meta_graph: Any) -> None:
    library = meta_graph.graph_def.library
    functions = {function.signature.name: function for function in library.function}
    order = _in_order_of_mention(meta_graph, functions)
    names = {name: _NUMBER.sub("", name) + f"_{place}" for place, name in enumerate(order)}
    library.CopyFrom(type(library)(function=[functions[name] for name in order]))
    for function in library.function:
        _drop_numbers_as_names(function)
    _rename(meta_graph, lambda text: _renamed(text, names))


def _in_order_of_mention(meta_graph: Any, functions: Mapping[str, Any]) -> list[str]:
    """The functions as one comes upon them: from the graph, from the objects, from each other.

    What nothing calls is left out.
    """
    objects = meta_graph.object_graph_def
    pending = [*_mentioned([*meta_graph.graph_def.node, *objects.nodes], functions)]
    pending += sorted(objects.concrete_functions)
    order: dict[str, None] = {}
    while pending:
        name = pending.pop(0)
        if name not in order:
            order[name] = None
            pending += _mentioned(functions[name].node_def, functions)
    return list(order)


def _mentioned(messages: Iterable[Message], functions: Mapping[str, Any]) -> Iterator[str]:
    return (text for message in messages for text in _texts(message) if text in functions)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a message, in an order that is the same each time."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Message):
        for _, part in value.ListFields():
            yield from _texts(part)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _texts(value[key])
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for part in value:
            yield from _texts(part)


def _rename(message: Message, rename: _Rename) -> None:
    """Rename each text in a message, in its place."""
    for field, value in message.ListFields():
        if isinstance(value, str):
            setattr(message, field.name, rename(value))
        elif isinstance(value, Message):
            _rename(value, rename)
        elif isinstance(value, MutableMapping):
            _rename_in_map(value, rename)
        elif not isinstance(value, bytes | int | float):
            _rename_in_list(value, rename)


def _rename_in_map(values: MutableMapping[Any, Any], rename: _Rename) -> None:
    for key in list(values):
        if isinstance(values[key], str):
            values[rename(key)] = rename(values.pop(key))
            continue
        _rename(values[key], rename)
        if isinstance(key, str) and (new := rename(key)) != key:
            values[new].CopyFrom(values[key])  # A map of messages makes what it is asked for.
            del values[key]


def _rename_in_list(values: Any, rename: _Rename) -> None:
    for place, value in enumerate(values):
        if isinstance(value, str):
            values[place] = rename(value)
        elif isinstance(value, Message):
            _rename(value, rename)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """A function's name is a text, or stands in one before three underscores."""
    name, joint, rest = text.partition("___")
    if not joint:
        return names.get(text, text)
    for start in range(len(name)):
        if name[start:] in names:
            return name[:start] + names[name[start:]] + joint + rest
    return text


def _drop_numbers_as_names(function: Any) -> None:
    for arguments in function.arg_attr.values():
        if _GIVEN_NAME in arguments.attr and arguments.attr[_GIVEN_NAME].s.isdigit():
            del arguments.attr[_GIVEN_NAME]


def _rewrite_fingerprint(folder: str) -> None:
    """Make it anew, with an id that follows from the rest."""
    fingerprinting_utils.write_fingerprint(folder)
    file = f"{folder}/fingerprint.pb"
    fingerprint = _read(file, fingerprint_pb2.FingerprintDef)
    fingerprint.uuid = ""
    rest = fingerprint.SerializeToString(deterministic=True)
    fingerprint.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, rest.hex()))
    _write(file, fingerprint)


def _read(file: str, kind: type[Message]) -> Any:
    with tf.io.gfile.GFile(file, "rb") as opened:
        return kind.FromString(opened.read())


def _write(file: str, message: Message) -> None:
    with tf.io.gfile.GFile(file, "wb") as opened:
        opened.write(message.SerializeToString(deterministic=True))
