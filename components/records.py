"""TFRecords of Examples as ImageExampleGen writes them, read record by record."""

import gzip
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import IO

import google_crc32c
import tensorflow as tf

from components import archives, storage
from components.image_files import ImageFile
from components.quarantine import Rejected
from trainer import features

_GZIP = b"\x1f\x8b"
_LENGTH = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_OTHER_FEATURES_BYTES = 1 << 20
_STEP_BYTES = 1 << 20


def read(
    file: ImageFile, *, max_bytes: int, is_labelled: bool = True
) -> Iterator[tuple[ImageFile, bytes | Rejected]]:
    """Give each record's image, named and, if wanted, labelled as its Example says.

    What follows a broken record cannot be found: it is one file that is set aside.
    """
    number = 0
    try:
        with _inflated(file.path) as stream:
            for number, record in enumerate(_records(stream, max_bytes), 1):
                yield _image(file, number, record, max_bytes, is_labelled)
    except Exception as error:  # Nothing that a file holds may stop a run.
        problem = f"record {number + 1} and all behind it: {str(error) or type(error).__name__}"
        yield _numbered(file, number + 1), Rejected("unreadable", problem)


def _image(
    file: ImageFile, number: int, record: bytes | Rejected, max_bytes: int, is_labelled: bool
) -> tuple[ImageFile, bytes | Rejected]:
    if isinstance(record, Rejected):
        return _numbered(file, number), record
    try:
        feature = tf.train.Example.FromString(record).features.feature
        label = _only(feature, features.LABEL).decode() if is_labelled else ""
        encoded = _only(feature, features.ENCODED)
        name = _only(feature, features.FILENAME).decode()
        group = _only(feature, features.GROUP).decode() if features.GROUP in feature else None
    except Exception as error:
        message = f"no Example of an image: {str(error) or type(error).__name__}"
        return _numbered(file, number), Rejected("unreadable", message)
    is_large = len(encoded) > max_bytes
    content = archives.too_many_bytes(max_bytes) if is_large else encoded
    return replace(file, name=name, label=label, group=group), content


def _only(feature: dict[str, tf.train.Feature], name: str) -> bytes:
    values = feature[name].bytes_list.value if name in feature else ()
    if len(values) != 1 or not (values[0] or name == features.ENCODED):
        raise ValueError(f"the feature {name} should hold one value")
    return values[0]


def _numbered(file: ImageFile, number: int) -> ImageFile:
    return replace(file, name=f"{file.name}#{number}")


def _records(stream: IO[bytes] | gzip.GzipFile, max_bytes: int) -> Iterator[bytes | Rejected]:
    while start := stream.read(1):
        header = start + _exactly(stream, _LENGTH.size - 1)
        length, checksum = _LENGTH.unpack(header)
        if checksum != _masked_checksum(header[:8]):
            raise ValueError("not a TFRecord file, or damaged: a length is wrong")
        if length > max_bytes + _OTHER_FEATURES_BYTES:
            _skip(stream, length + _CHECKSUM.size)
            yield archives.too_many_bytes(max_bytes)
            continue
        record = _exactly(stream, length)
        [checksum] = _CHECKSUM.unpack(_exactly(stream, _CHECKSUM.size))
        is_whole = checksum == _masked_checksum(record)
        yield record if is_whole else Rejected("unreadable", "its checksum is wrong")


def _exactly(stream: IO[bytes] | gzip.GzipFile, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError("the file is cut short")
    return content


def _skip(stream: IO[bytes] | gzip.GzipFile, length: int) -> None:
    while length > 0:
        length -= len(_exactly(stream, min(length, _STEP_BYTES)))


def _masked_checksum(content: bytes) -> int:
    """CRC-32C as TFRecords store it: turned by 15 bits, plus a constant."""
    checksum = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


@contextmanager
def _inflated(path: str) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with storage.opened(path) as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    with storage.opened(path) as file, ExitStack() as stack:
        yield stack.enter_context(gzip.GzipFile(fileobj=file)) if is_packed else file
