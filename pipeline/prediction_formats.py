"""Predictions as lines of JSON or CSV, or as a Parquet file."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pipeline.models import Answer

TextFormat = Literal["jsonl", "csv"]
FileFormat = Literal["jsonl", "csv", "parquet"]
_Classes: TypeAlias = Sequence[str] | None

_ROW_GROUP = 10_000


@dataclass(frozen=True)
class Prediction:
    """What became of one image: an answer, or the reason why there is none."""

    path: str
    result: Answer | str


def fields(prediction: Prediction) -> dict[str, Any]:
    """The members of a prediction's line of JSON."""
    result = prediction.result
    return {
        "path": prediction.path,
        **({"error": result} if isinstance(result, str) else asdict(result)),
    }


def from_fields(line: Mapping[str, Any]) -> Prediction:
    """The prediction of a line of JSON.

    Raises:
      KeyError: it is no such line.
    """
    if "error" in line:
        return Prediction(line["path"], line["error"])
    return Prediction(line["path"], Answer(line["label"], line["score"], line["scores"]))


def lines(
    predictions: Iterable[Prediction],
    file_format: TextFormat,
    *,
    classes: Sequence[str] | None = None,
) -> Iterator[str]:
    """A line each; CSV has a header, which waits for the first answer to name the classes.

    Args:
      classes: the model's, where they are known.
    """
    return _LINES[file_format](predictions, classes)


def write(
    path: Path,
    predictions: Iterable[Prediction],
    file_format: FileFormat,
    *,
    classes: Sequence[str] | None = None,
) -> None:
    """Write a file.

    Args:
      classes: the model's, so that every file of a set has the same columns; without them, the
        first answer names them.
    """
    if file_format == "parquet":
        _write_parquet(path, predictions, classes)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(lines(predictions, file_format, classes=classes))


def _json_lines(predictions: Iterable[Prediction], _: _Classes) -> Iterator[str]:
    for prediction in predictions:
        yield json.dumps(fields(prediction), ensure_ascii=False) + "\n"


def _csv_lines(predictions: Iterable[Prediction], known: _Classes) -> Iterator[str]:
    predictions, classes = _with_classes(predictions, known)
    yield _csv_line(["path", "label", "score", *classes, "error"])
    for prediction in predictions:
        yield _csv_line(_csv_row(prediction, classes))


def _with_classes(
    predictions: Iterable[Prediction], known: _Classes
) -> tuple[Iterator[Prediction], Sequence[str]]:
    """The predictions again, and the classes: those known, or what the first answer names."""
    rest = iter(predictions)
    if known is not None:
        return rest, known
    waiting: list[Prediction] = []
    for prediction in rest:
        waiting.append(prediction)
        if isinstance(prediction.result, Answer):
            return chain(waiting, rest), list(prediction.result.scores)
    return iter(waiting), []


def _csv_row(prediction: Prediction, classes: Sequence[str]) -> list[object]:
    result = prediction.result
    if isinstance(result, str):
        return [prediction.path, "", "", *("" for _ in classes), result]
    scores = [result.scores[name] for name in classes]
    return [prediction.path, result.label, result.score, *scores, ""]


def _csv_line(row: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


_LINES: Mapping[TextFormat, Callable[[Iterable[Prediction], _Classes], Iterator[str]]] = {
    "jsonl": _json_lines,
    "csv": _csv_lines,
}


def _write_parquet(path: Path, predictions: Iterable[Prediction], known: _Classes) -> None:
    """Columns path, label, score, scores (a struct of the classes) and error."""
    import pyarrow as pa
    from pyarrow import parquet

    predictions, classes = _with_classes(predictions, known)
    columns: list[tuple[str, Any]] = [("path", pa.string())]
    if classes:
        scores = pa.struct([(name, pa.float32()) for name in classes])
        columns += [("label", pa.string()), ("score", pa.float32()), ("scores", scores)]
    schema = pa.schema([*columns, ("error", pa.string())])
    with parquet.ParquetWriter(path, schema) as writer:
        while group := [fields(prediction) for prediction in islice(predictions, _ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
