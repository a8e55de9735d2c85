"""What a person gave as data: a folder, an archive or a manifest, on any file system."""

from components import archives, image_files, manifests, storage
from components.image_files import Listing
from trainer.errors import DataError

_HEAD_BYTES = 512


def find(data: str, *, span: str | None = None) -> Listing:
    """List the images of a data set, sorted by name.

    Args:
      data: path or URL of a folder, a zip or tar archive, or a manifest.
      span: which `span-<N>` folders are wanted: `latest`, `N` or `N..M`. None is the latest,
        where there are any.

    Raises:
      DataError: there is nothing, it is broken, or it cannot be trained on.
    """
    return image_files.check(listed(data, span=span), data)


def listed(data: str, *, span: str | None = None) -> Listing:
    """List what there is as `find` does, whether or not it can be trained on.

    Raises:
      DataError: there is nothing at the path, or it is broken.
    """
    entries = storage.folder(data)
    if entries is not None:
        return image_files.arranged(entries, span=span, data=data)
    kind = archives.kind_of(_head(data))
    if kind != "file":
        inside = archives.entries(data, kind)
        return image_files.arranged(inside, span=span, data=data, is_wrapped=True)
    if span is not None:
        raise DataError(f"--span {span}: the manifest {data} has no span-<N> folder; leave it out")
    return manifests.read(data)


def _head(path: str) -> bytes:
    try:
        with storage.opened(path) as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(f"the data {path} cannot be read: {error}") from None
