"""Warm-up: the requests that a SavedModel brings along, replayed before it serves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.serving.answers import Code, ServingError

REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000


def replay(folder: Path, *, answer: Callable[[Any], object]) -> int:
    """Hand every recorded request to `answer`, and return how many there were.

    Args:
      folder: the SavedModel's; without a warm-up file there is nothing to do.
      answer: gets a PredictionLog.

    Raises:
      ServingError: the file cannot be read, holds too many records, or one fails.
    """
    count = 0
    for log in _logs(folder / REQUESTS):
        count += 1
        if count > MAX_RECORDS:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at "
                f"{folder / REQUESTS}",
            )
        answer(log)
    return count


def _logs(path: Path) -> Iterator[Any]:
    if not path.exists():
        return
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            yield prediction_log_pb2.PredictionLog.FromString(record)
    except tf.errors.DataLossError as error:
        raise ServingError(
            Code.DATA_LOSS,
            f"{error.message}. Please verify your warmup data is in TFRecord format.",
        ) from None
    except DecodeError:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"Failed to parse warmup record from {path}"
        ) from None
