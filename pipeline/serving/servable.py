"""One version of a model, loaded as TF Serving loads it: a graph in a session.

TF Serving restores variables with the graph's own restore operation and then runs its init
operation; it knows nothing of Python's object graph. A SavedModel that only
`tf.saved_model.load` can read would be a surprise in production, so it is one here.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components import releases
from pipeline.serving.answers import Code, ServingError, timed_out

_TAG = "serve"
_INIT_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")
_PREAMBLE = "Graph execution error:\n\n"

Arrays = Mapping[str, np.ndarray]


class Servable:
    """A loaded version. Safe to run from several threads at once.

    Attributes:
      name: the model's.
      version: its number.
      signatures: name -> SignatureDef.
    """

    def __init__(self, *, name: str, version: int, meta_graph: Any, session: Any) -> None:
        self.name = name
        self.version = version
        self._all_signatures = meta_graph.signature_def
        self.signatures = {
            key: value
            for key, value in meta_graph.signature_def.items()
            if key not in _INIT_SIGNATURES
        }
        self._session = session

    @property
    def metadata_signatures(self) -> Mapping[str, Any]:
        """Every SignatureDef of the graph, TensorFlow's own ones too."""
        return self._all_signatures

    def run(
        self, feeds: Arrays, fetches: Sequence[str], *, timeout_ms: int | None = None
    ) -> list[np.ndarray]:
        """Run the graph.

        Args:
          feeds: tensor name -> value.
          fetches: tensor names.
          timeout_ms: milliseconds; TensorFlow gives up after them.

        Raises:
          ServingError: with TensorFlow's code and message.
        """
        import tensorflow as tf

        if timeout_ms is not None and timeout_ms <= 0:
            raise timed_out()
        options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms) if timeout_ms else None
        try:
            outputs = self._session.run(list(fetches), dict(feeds), options=options)
        except tf.errors.OpError as error:
            raise ServingError(Code(error.error_code), _message(error)) from None
        except (ValueError, TypeError) as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from None
        return [np.asarray(output) for output in outputs]

    def close(self) -> None:
        """Free the graph and its variables."""
        self._session.close()


def load(name: str, version: int, folder: Path) -> Servable:
    """Load a SavedModel's graph for serving.

    Raises:
      ServingError: it cannot be read, restored or initialized.
    """
    import tensorflow as tf

    meta_graph = _meta_graph(folder)
    session = None
    try:
        graph = tf.Graph()
        with graph.as_default():
            tf.graph_util.import_graph_def(meta_graph.graph_def, name="")
        session = tf.compat.v1.Session(graph=graph)
        _initialize(session, meta_graph, folder)
    except (tf.errors.OpError, ValueError, KeyError) as error:
        if session is not None:
            session.close()
        code = Code(getattr(error, "error_code", Code.DATA_LOSS))
        raise ServingError(code, f"{folder} cannot be loaded: {_message(error)}") from None
    return Servable(name=name, version=version, meta_graph=meta_graph, session=session)


def _meta_graph(folder: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((folder / releases.SAVED_MODEL).read_bytes())
    except (OSError, DecodeError) as error:
        raise ServingError(
            Code.NOT_FOUND, f"{folder}/{releases.SAVED_MODEL} cannot be read: {error}"
        ) from None
    for meta_graph in saved_model.meta_graphs:
        if _TAG in meta_graph.meta_info_def.tags:
            return meta_graph
    raise ServingError(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {_TAG} }} in {folder}",
    )


def _initialize(session: Any, meta_graph: Any, folder: Path) -> None:
    assets = {
        asset.tensor_info.name: os.fspath(folder / "assets" / asset.filename)
        for asset in meta_graph.asset_file_def
    }
    saver = meta_graph.saver_def
    if any(node.op == "VarHandleOp" for node in meta_graph.graph_def.node):
        # TF Serving goes on without the file, and then fails every request.
        if not (folder / "variables" / "variables.index").exists():
            raise ValueError("variables/variables.index is missing")
        checkpoint = os.fspath(folder / "variables" / "variables")
        session.run(saver.restore_op_name, {saver.filename_tensor_name: checkpoint, **assets})
    init = meta_graph.signature_def.get(_INIT_SIGNATURES[0])
    if init is not None:
        (operation,) = init.outputs.values()
        session.run(operation.name, assets)


def _message(error: Exception) -> str:
    """What TensorFlow's C++ said, without what its Python adds for people who debug a graph."""
    return str(getattr(error, "message", error)).removeprefix(_PREAMBLE)
