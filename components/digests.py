"""The digest by which data, code and settings are told apart."""

import hashlib
from collections.abc import Iterable


def of(parts: Iterable[str]) -> str:
    """A digest of some texts, in their order: 32 hex digits.

    Args:
      parts: may hold the bytes of file names that are no text, as `os.fsdecode` gives them.
    """
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.encode(errors="surrogateescape") + b"\0")
    return whole.hexdigest()[:32]
