"""Looks at every file of a data set as ingestion does, and writes nothing."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from components import contents, ingestion, inspection, near_duplicates, properties, thumbnails
from components.image_files import ImageFile, Listing
from components.quarantine import Rejected
from components.settings import IngestionSettings
from pipeline.data_facts import ImageFacts, RefusedFile, Scan

# Each holds the pixels of one image, which may be 300 MB.
_MOST_THREADS = 8


def scan(listing: Listing, settings: IngestionSettings, *, on_file: Callable[[], None]) -> Scan:
    """Read, check, decode and measure each file once.

    The decoder lets go of Python's lock, so that threads do. A tar is read by one of them.

    Args:
      on_file: called after each file, by any thread.
    """
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    portions = contents.portions(listing.files, threads)
    stopped = threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        try:
            looks = [pool.submit(_look, part, settings, on_file, stopped) for part in portions]
            found = list(chain.from_iterable(look.result() for look in looks))
        finally:
            stopped.set()  # Or Ctrl-C would wait for all files.
    found.sort(key=lambda each: each.file.name)
    images = tuple(each for each in found if isinstance(each, ImageFacts))
    refused = tuple(each for each in found if isinstance(each, RefusedFile))
    return Scan(listing, images, refused)


def _look(
    files: Sequence[ImageFile],
    settings: IngestionSettings,
    on_file: Callable[[], None],
    stopped: threading.Event,
) -> list[ImageFacts | RefusedFile]:
    found = []
    for facts in _facts(files, settings):
        found.append(facts)
        on_file()
        if stopped.is_set():
            break
    return found


def _facts(
    files: Sequence[ImageFile], settings: IngestionSettings
) -> Iterator[ImageFacts | RefusedFile]:
    for file, content in contents.read(files, max_bytes=settings.max_file_bytes):
        yield (
            RefusedFile(file, content)
            if isinstance(content, Rejected)
            else _inspected(file, content, settings)
        )


def _inspected(
    file: ImageFile, content: bytes, settings: IngestionSettings
) -> ImageFacts | RefusedFile:
    image = inspection.inspect(content, settings)
    if isinstance(image, Rejected):
        return RefusedFile(file, image)
    thumbnail = thumbnails.make(image.pixels)
    return ImageFacts(
        file=file,
        split=ingestion.split_of(file, image.sha256, settings),
        bytes=len(content),
        format=image.format,
        height=image.height,
        width=image.width,
        sha256=image.sha256,
        properties=properties.measure(thumbnail, aspect=image.width / image.height),
        hash=near_duplicates.perceptual_hash(thumbnail),
    )
