"""What is known of each file of a data set once all have been looked at."""

from dataclasses import dataclass

from components.image_files import ImageFile, Listing
from components.properties import ImageProperties
from components.quarantine import Rejected


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image that a run would accept.

    split: where a run would put it
    bytes: size of the file
    format: JPEG, PNG, GIF, BMP or WEBP, by content
    height, width: pixels
    sha256: hex digest of the bytes
    hash: see `components.near_duplicates.perceptual_hash`
    """

    file: ImageFile
    split: str
    bytes: int
    format: str
    height: int
    width: int
    sha256: str
    properties: ImageProperties
    hash: int | None

    @property
    def name(self) -> str:
        """Its path relative to the data."""
        return self.file.name


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that a run would set aside."""

    file: ImageFile
    why: Rejected


@dataclass(frozen=True)
class Scan:
    """All files of a listing, each with what was found in it; sorted by name."""

    listing: Listing
    images: tuple[ImageFacts, ...]
    refused: tuple[RefusedFile, ...]


@dataclass(frozen=True)
class LookAlikes:
    """Two images of different splits that look alike though their bytes differ.

    distance: bits that differ between their hashes
    """

    first: ImageFacts
    second: ImageFacts
    distance: int
