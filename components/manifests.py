"""Manifests: CSV or JSON lines that name the images, their classes, splits and groups."""

import csv
import io
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from components import storage
from components.image_files import ImageFile, Listing
from components.splits import NAMES
from trainer.errors import DataError

COLUMNS = ("path", "label", "split", "group")
_REQUIRED = COLUMNS[:2]
FORMAT = "a CSV file with the header path,label[,split][,group], or JSON lines with these keys"
_Rows: TypeAlias = Iterator[tuple[int, Mapping[str, Any]]]
_NEITHER = f"neither a folder nor an archive nor a manifest, which is {FORMAT}"


def read(manifest: str, *, is_labelled: bool = True) -> Listing:
    """List the images that a manifest names; its own order does not matter.

    Args:
      is_labelled: whether each needs a label, as training does; else the label may be empty.

    Raises:
      DataError: naming the manifest, the line and the value that are wrong.
    """
    text = _text(manifest)
    if not text.strip():
        raise DataError(f"{manifest} is {_NEITHER}: it is empty")
    is_json = text.lstrip().startswith("{")
    required = _REQUIRED if is_labelled else _REQUIRED[:1]
    read_rows = _json_rows if is_json else _csv_rows
    rows = read_rows(text, manifest, required)
    files: list[ImageFile] = []
    line_of: dict[str, int] = {}
    split_names: dict[str, str] = {}
    for line, row in rows:
        place = f"{manifest}, line {line}"
        file = _file(row, required, manifest=manifest, place=place)
        if file.path in line_of:
            raise DataError(f"{place}: {file.name!r} is named in line {line_of[file.path]} already")
        line_of[file.path] = line
        files.append(file)
        if file.split:
            split_names.setdefault(file.split, row["split"].strip())
    in_order = sorted(files, key=lambda file: file.name)
    return Listing(tuple(in_order), split_names=split_names)


def _text(manifest: str) -> str:
    try:
        with storage.opened(manifest) as file:
            return file.read().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"the manifest {manifest} cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{manifest} is {_NEITHER}: byte {error.start} is no text") from None


def _csv_rows(text: str, manifest: str, required: Sequence[str]) -> _Rows:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_keys(header, required, place=f"{manifest}, line 1")
        if len(set(header)) < len(header):
            raise DataError(f"{manifest}, line 1: the header {','.join(header)} repeats a column")
        for values in reader:
            if len(values) not in (0, len(header)):
                raise DataError(
                    f"{manifest}, line {reader.line_num}: {','.join(values)!r} has {len(values)} "
                    f"values and the header {len(header)} columns"
                )
            if values:
                yield reader.line_num, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise DataError(f"{manifest}, line {reader.line_num}: broken CSV: {error}") from None


def _json_rows(text: str, manifest: str, required: Sequence[str]) -> _Rows:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{manifest}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{place}: {_short(line)} is no JSON") from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: {_short(line)} is no JSON object")
        _check_keys(row, required, place=place)
        yield number, row


def _check_keys(keys: Any, required: Sequence[str], *, place: str) -> None:
    for key in required:
        if key not in keys:
            raise DataError(
                f"{place}: no {key!r} among {_short(','.join(keys))}; expected {FORMAT}"
            )
    unknown = [key for key in keys if key not in COLUMNS]
    if unknown:
        raise DataError(
            f"{place}: unknown column {unknown[0]!r}; there are {', '.join(COLUMNS)}: rename or "
            "remove it"
        )


def _file(
    row: Mapping[str, Any], required: Sequence[str], *, manifest: str, place: str
) -> ImageFile:
    for key, value in row.items():
        if not isinstance(value, str | None):
            raise DataError(f"{place}: {key} = {_short(json.dumps(value))} should be text")
    values = {key: (row.get(key) or "").strip() for key in COLUMNS}
    for key in required:
        if not values[key] or "\0" in values[key]:
            raise DataError(f"{place}: {key} = {values[key]!r} should name something")
    split = values["split"].lower()
    if split and split not in NAMES:
        raise DataError(f"{place}: split = {values['split']!r} should be one of {', '.join(NAMES)}")
    path = _path(values["path"], manifest)
    return ImageFile(
        path,
        storage.printable(values["path"]),
        storage.printable(values["label"]),
        NAMES.get(split),
        storage.printable(values["group"]) or None,
        stamp=storage.stamp(path),
    )


def _path(path: str, manifest: str) -> str:
    """Where an image is: as it stands, or beside the manifest."""
    path = storage.plain(path)
    if storage.is_remote(path):
        return path
    if storage.is_remote(manifest):
        return posixpath.join(posixpath.dirname(manifest), path)
    return str(Path(manifest).parent / path)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
